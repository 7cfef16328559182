"""g1 games: what there is to play."""

from g1train.cli.app import app


@app.command()
def games() -> None:
    """List games, their settings and levels."""
    from engine.catalog import print_catalog

    print_catalog()
