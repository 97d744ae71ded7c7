"""Members trained with the model, from where they stand, or by the script, from the start."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from trainer.result import Result
from trainer.resume import State
from trainer.tensors import TensorData
from trainer.train import Newcomer, Receiver, train
from tuner.study.study import Study
from tuner.system.interrupt import leave_before_long, leave_if_asked
from tuner.worker.checkpoint import Saving
from tuner.worker.script import train as script
from tuner.worker.trial import Member


@dataclass(frozen=True, slots=True)
class Training:
    """What a training of this study needs; callable."""

    study: Study
    data: TensorData | None
    """None where a script trains"""
    device: str
    say: Callable[[str], None]

    def __call__(
        self,
        members: Sequence[Member],
        report: Receiver = lambda reports: (),
        save: Callable[[Sequence[State]], None] = lambda states: None,
        ended: Callable[[int, Result], None] = lambda member, result: None,
        more: Callable[[], Sequence[Newcomer]] = lambda: (),
        *,
        fused: bool = False,
    ) -> list[Result]:
        """One result each: of `members`, then of those that came later. The hooks are those of trainer.train.

        A script trains members of one seed, without `save`, `ended` and `more`.
        """
        spec, configs = self.study.spec, [m.config for m in members]
        seeds = {m.seed for m in members}
        if self.data is None:
            (seed,) = seeds
            folders = [self.study.place.state / "scripts" / self.study.name / m.label for m in members]
            return script.train(
                configs,
                spec,
                folders=folders,
                device=self.device,
                seed=seed,
                report=report,
                between=leave_if_asked,
                say=lambda text: self.say(f"{members[0].label}: {text}"),
            )
        return train(
            configs,
            self.data,
            spec.model,
            spec.training,
            seed=members[0].seed if len(seeds) == 1 else [m.seed for m in members],
            objective=spec.goal,
            fused=fused,
            report=report,
            resume=[m.found.states[0] if m.found else None for m in members] if any(m.found for m in members) else (),
            save=Saving(save, self.say),
            between=leave_before_long,
            ended=ended,
            more=more,
        )
