"""Supervised fine-tuning on a teacher's demonstrations: the base stage of a nano model, and the cold start.

    1 demonstrate   the teacher answers states of the training split
    2 draw          a batch of them, in an order that follows from the seed
    3 learn         cross-entropy on the answer, one optimiser step

Source: paper, cold start (1,000 states a game, one epoch, lr 2e-5 at 7B).
"""

import numpy as np

from engine.net import wire
from engine.rollout.episode import frame_of
from engine.ticket import derive_seed
from g1train.config import StageConfig
from g1train.inference.prompt import prompt_token_ids
from g1train.learn.batch import Row
from g1train.learn.policy import load_tokenizer
from g1train.stages.session import Session
from g1train.stages.teacher import Demonstrations, demonstrations

LOG_EVERY = 10


def run_stage(session: Session, name: str, stage: StageConfig, model_folder: str, first_step: int) -> None:
    """Steps `first_step`... of a stage that `Learner.begin_stage` has begun; stops early when asked to."""
    display, learner = session.display, session.learner
    display.say(f"{name}: the teacher writes {stage.num_demonstrations} demonstrations")
    demos = demonstrations(session.config.games, stage.num_demonstrations, stage.teacher, session.config.seed, name)
    encoder = Encoder(model_folder, learner.policy.model.config.image_token_id)
    display.begin(name, stage.steps, first_step)
    order = Order(sum(map(len, demos)), derive_seed(session.config.seed, name, "order"))
    for step in range(first_step, stage.steps):
        if session.stop_asked:
            return
        with session.timed("draw"):
            rows = [encoder.row(demos, index) for index in order.batch(step, stage.batch_size)]
        with session.timed("learn"):
            measures = learner.supervised_step(rows)
        display.step(step + 1, measures)
        if (step + 1) % LOG_EVERY == 0 or step + 1 == stage.steps:
            session.run.log(name, step + 1, {**measures, **session.take_seconds()})
        session.after_step(step + 1)


class Order:
    """Which demonstrations each step sees: a new permutation every epoch, each following from the seed alone."""

    def __init__(self, count: int, seed: int) -> None:
        self.count, self.seed = count, seed
        self._number, self._permutation = -1, np.empty(0, np.int64)

    def batch(self, step: int, size: int) -> list[int]:
        """Indices of the batch of `step`; one batch may span two epochs."""
        places = range(step * size, (step + 1) * size)
        return [int(self._epoch(place // self.count)[place % self.count]) for place in places]

    def _epoch(self, number: int) -> np.ndarray:
        if self._number != number:
            self._number = number
            self._permutation = np.random.default_rng([self.seed, number]).permutation(self.count)
        return self._permutation


class Encoder:
    """Demonstrations as rows of token ids and frames."""

    def __init__(self, model_folder: str, image_token: int) -> None:
        self.tokenizer = load_tokenizer(model_folder)
        self.image_token = image_token
        self._prompts: dict[int, list[int]] = {}

    def row(self, demos: list[Demonstrations], index: int) -> Row:
        """Demonstration `index`, counted through all games."""
        for number, some in enumerate(demos):
            if index < len(some):
                return self._row(number, some, index)
            index -= len(some)
        raise IndexError("there are fewer demonstrations than that")

    def _row(self, number: int, demos: Demonstrations, index: int) -> Row:
        record = demos.states[index : index + 1]
        image = demos.game.render(record)[0]
        if number not in self._prompts:
            turn = wire.Turn(demos.game.prompt, frame_of(demos.game, record))
            self._prompts[number] = prompt_token_ids(self.tokenizer, [turn], [image], self.image_token)
        answer = self.tokenizer(demos.texts[index], add_special_tokens=False)["input_ids"]
        return Row(self._prompts[number], [image], [[*answer, self.tokenizer.eos_token_id]], [1.0])
