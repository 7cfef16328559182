"""A whole run: base → cold start → RL, each followed by an evaluation; to be interrupted and resumed at will.

    train(config)          a new run folder, every stage whose `steps` is above 0
    resume(folder)         from the newest checkpoint in it

Ctrl-C finishes the step, writes a checkpoint and leaves; a second one leaves at once, and the last checkpoint stands.
"""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec

from engine.errors import ConfigError, G1Error
from engine.net import sockets
from engine.start import make_game
from g1train.config import Config, TeacherConfig
from g1train.learn import checkpoint, nano
from g1train.learn.checkpoint import Progress
from g1train.learn.learner import Learner
from g1train.run import folder as run_folder
from g1train.run import scratch
from g1train.run.display import Display
from g1train.run.services import Services
from g1train.stages import evaluate as evaluations
from g1train.stages.checks import check_length, check_ranks
from g1train.stages.coldstart import run_stage
from g1train.stages.evaluate import Result
from g1train.stages.rl import run_rl
from g1train.stages.session import Session
from g1train.stages.teacher import demonstrations

STAGES = ("base", "coldstart", "rl")
NUM_VOCABULARY_TEXTS = 2000


class Interrupted(G1Error):
    """Asked to stop; everything is saved."""


def train(config: Config, root: Path, display: Display, external: bool = False) -> dict[str, Any]:
    """Run all stages; returns the results by player. Raises `Interrupted` after Ctrl-C."""
    check_ranks()
    opened = run_folder.create(config, root)
    return _run(config, opened, display, external, None)


def resume(folder: Path, display: Display, external: bool = False) -> dict[str, Any]:
    """Go on with a run. Raises `CheckpointError` if the folder is not one."""
    check_ranks()
    found = checkpoint.latest(folder / "checkpoints")
    opened, config = run_folder.reopen(folder, checkpoint.read(found).logs if found else {})
    return _run(config, opened, display, external, found)


def _run(
    config: Config, opened: run_folder.Run, display: Display, external: bool, found: Path | None
) -> dict[str, Any]:
    display.say(f"run folder: {opened.folder}")
    if external and (warning := exposure(config)):
        display.say(warning)
    try:
        scratch.sweep()
        source = _source_model(config, opened)
        check_length(config, source)
        learner = Learner(found / "model" if found else source, config.model.dtype, config.trainer, config.seed)
        pool = config.pool
        services = None if external else Services(opened.folder, source, pool.num_workers, pool.capacity, display.say)
        session = Session(config, opened, learner, display, services)
        with _stop_on_signal(session):
            try:
                session.start()
                results = _Course(session, source, found).run()
            finally:
                session.close()
    finally:
        opened.close()
    results = {**results, "run": str(opened.folder)}
    run_folder.write_atomically(opened.folder / "results.json", json.dumps(results, indent=2).encode() + b"\n")
    return results


class _Course:
    """The stages in order, with their checkpoints; `progress` says where the run stands."""

    def __init__(self, session: Session, source: Path, found: Path | None) -> None:
        self.session, self.config, self.source, self.found = session, session.config, source, found
        self.progress = checkpoint.read(found) if found else Progress(0, "", 0, True, 0, {})
        self.step = 0
        self.evaluation = evaluations.opened(session, [stage for stage in STAGES if self._settings(stage).steps])
        session.version = self.progress.version
        session.after_step = self._after_step

    def run(self) -> dict[str, Any]:
        self._note("random", evaluations.evaluate_references(self.evaluation))
        for stage in STAGES:
            if self._settings(stage).steps and not self._finished(stage):
                self._run_stage(stage)
        return self.progress.results

    def _run_stage(self, stage: str) -> None:
        session = self.session
        first_step = self.step = self._begin(stage)
        if stage == "rl":
            self._serve()
            run_rl(session, self.config.rl, first_step)
        else:
            run_stage(session, stage, self._settings(stage), str(self.source), first_step)
        session.display.end()
        self._save(finished=False)
        if session.stop_asked:
            raise Interrupted(f"stopped in stage {stage}; go on with: g1 train --resume {session.run.folder}")
        if stage != "rl":
            self._serve()
        self._note(stage, evaluations.evaluate(session, self.evaluation, stage, STAGES.index(stage)))
        session.display.end()
        self._save(finished=True)

    def _begin(self, stage: str) -> int:
        """Begin a stage afresh or where its checkpoint stands; returns the first step to do."""
        settings = self._settings(stage)
        with_reference = stage == "rl" and settings.loss.kl_weight > 0
        num_updates = settings.steps * (settings.num_minibatches if stage == "rl" else 1)
        self.session.learner.begin_stage(settings.optim, num_updates, with_reference)
        if self.found is not None and self.progress.stage == stage:
            self.session.learner.load(self.found / "learner")
            return self.progress.step
        self.progress = msgspec.structs.replace(self.progress, stage=stage, step=0, finished=False)
        return 0

    def _settings(self, stage: str) -> Any:
        return getattr(self.config, stage)

    def _serve(self) -> None:
        """Make sure that the node is there and serves the policy as it is."""
        welcome = self.session.wait_for_node()
        if welcome.needs_state:
            raise ConfigError(
                f"the node plays '{welcome.backend}', which cannot be trained; serve a model, such as with vllm"
            )
        self.session.display.say(f"the node runs the backend '{welcome.backend}'")
        self.session.push()

    def _finished(self, stage: str) -> bool:
        """Was `stage` done before the checkpoint from which this run goes on?"""
        if not self.progress.stage:
            return False
        here, there = STAGES.index(stage), STAGES.index(self.progress.stage)
        return here < there or (here == there and self.progress.finished)

    def _after_step(self, step: int) -> None:
        self.step = step
        self.session.keeper.look_after()
        every = self.config.trainer.checkpoint_every
        if every and step % every == 0:
            self._save(finished=False)

    def _save(self, finished: bool) -> None:
        session = self.session
        self.progress = msgspec.structs.replace(
            self.progress,
            number=self.progress.number + 1,
            step=self.step,
            finished=finished,
            version=session.version,
            logs=session.run.logged(),
        )
        checkpoint.save(session.run.checkpoints, self.progress, session.learner, self.source)

    def _note(self, player: str, result: Result) -> None:
        self.progress = msgspec.structs.replace(self.progress, results={**self.progress.results, player: result})
        self.session.display.say(f"{player}: {summary(result)}")


def exposure(config: Config) -> str:
    """What other users of this machine could do to a run with external node and pool; empty if nothing."""
    deeds = {config.trainer.address: "forge groups", config.node.address: "push weights"}
    open_to = [address for address in deeds if sockets.is_open_to_users(address)]
    if config.trainer.keys or not open_to:
        return ""
    what = " and ".join(f"{deeds[address]} at {address}" for address in open_to)
    return (
        f"without keys any user of this machine could {what}; if there are others: g1 keys FOLDER, "
        "trainer.keys=FOLDER/trainer.secret here, --keys FOLDER/node.secret and FOLDER/pool.secret there"
    )


def summary(result: Result) -> str:
    """One line of an evaluation."""
    return " · ".join(f"{key} {value:.3f}" for key, value in result.items() if value is not None)


def _source_model(config: Config, opened: run_folder.Run) -> Path:
    """The folder that the policy starts from; a nano model is built on the first call."""
    if config.model.path:
        return Path(config.model.path)
    if not opened.model.exists():
        nano.build(opened.model, texts=vocabulary(config), seed=config.seed, size=config.model.nano)
    return opened.model


def vocabulary(config: Config) -> list[str]:
    """What will be said: prompts, and answers to states of every depth."""
    texts = [make_game(game.spec).prompt for game in config.games]
    teacher = TeacherConfig(error_rate=0.5)
    for demos in demonstrations(list(config.games), NUM_VOCABULARY_TEXTS, teacher, config.seed, "vocabulary"):
        texts += demos.texts
    return texts


@contextmanager
def _stop_on_signal(session: Session) -> Iterator[None]:
    """Ctrl-C or SIGTERM asks the session to stop after the step; a second one interrupts it, and the next does not let
    what is ours take its time to end."""

    def handle(number: int, frame: FrameType | None) -> None:
        if session.closing:
            if session.services is not None:
                session.services.kill()
            return
        if session.stop_asked:
            raise KeyboardInterrupt
        session.stop_asked = True
        session.display.say("stopping after this step; once more to leave at once")

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
