"""How good players are: what is asked (plan), who answers (players), what came of it (folder, measures, results)."""
