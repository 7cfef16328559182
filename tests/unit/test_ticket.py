"""Tickets are data: their seeds and names are the same everywhere and for ever."""

import msgspec
import numpy as np

from engine.ticket import GameSpec, Start, Ticket, as_seeds, derive_seed, ticket_hash

TICKET = Ticket(index=3, seed=9, game=GameSpec("2048", {"rows": 4, "strip": True}), start=Start(seed=1, num_moves=100))


def test_seeds_are_fixed_for_ever() -> None:
    assert derive_seed(0) == 2639742322310274655
    assert derive_seed(7, "train", 3, 0) == 79391400853892372


def test_seeds_of_neighbours_differ_and_fit_63_bits() -> None:
    seeds = {derive_seed(run, purpose, index) for run in range(3) for purpose in ("a", "b") for index in range(100)}
    assert len(seeds) == 600
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert derive_seed(1, 23) != derive_seed(12, 3)


def test_hash_names_the_work_whichever_policy_does_it() -> None:
    name = ticket_hash(TICKET)
    assert len(name) == 16
    assert ticket_hash(msgspec.structs.replace(TICKET, version=8)) == name
    assert ticket_hash(msgspec.structs.replace(TICKET, num_samples=2)) != name
    reordered = msgspec.structs.replace(TICKET, game=GameSpec("2048", {"strip": True, "rows": 4}))
    assert ticket_hash(reordered) == name


def test_as_seeds() -> None:
    seeds = as_seeds([0, 2**63 - 1])
    assert seeds.dtype == np.uint64
    assert seeds.tolist() == [0, 2**63 - 1]
