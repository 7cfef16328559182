"""Runs and evaluations as one page that opens offline: sources → analysis, replays → page. No torch."""
