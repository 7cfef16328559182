"""The command `g1`, one file a subcommand. app.py has the program itself."""
