"""A bus whose one handler plays Meltano: it answers with what a test says and keeps what it was asked.

The handler stands where the real one does, behind the same message, so that assets are tested with everything but
Meltano; ``test_end_to_end`` has the same assets run the real one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flext_pipelines.commands.bus import Bus
from flext_pipelines.commands.pipelines import RunMeltanoPipelineCommand
from flext_pipelines.commands.registry import MessageSpec
from flext_pipelines.meltano.outcome import PipelineRun, StreamOutcome

if TYPE_CHECKING:
    from flext_pipelines.commands.bus import Call, Step
    from flext_pipelines.commands.message import Context
    from flext_pipelines.errors import FlextError
    from flext_pipelines.meltano.outcome import Status


def stream(
    name: str, *, tap: str = "tap-shop", rows: int = 5, status: Status = "succeeded", **more: object
) -> StreamOutcome:
    """A stream of which every row arrived, unless ``more`` says otherwise."""
    fields: dict[str, object] = {"extracted": rows, "loaded": rows, "columns": {"id": "integer", "name": "string"}}
    return StreamOutcome.model_validate({"name": name, "tap": tap, "status": status, **fields, **more})


def run(*streams: StreamOutcome, status: Status = "succeeded", **more: object) -> PipelineRun:
    """A run of those streams."""
    fields: dict[str, object] = {
        "pipeline": "daily",
        "run_id": "0d6ff0a5-1c34-4c8e-9b5f-6b9a6d3a3f11",
        "environment": "dev",
        "started_at": datetime(2024, 1, 1, tzinfo=UTC),
        "state_ids": ("dev:tap-shop-to-target-warehouse",),
    }
    return PipelineRun.model_validate({**fields, "streams": streams, "status": status, **more})


def failed(error: FlextError, so_far: PipelineRun) -> FlextError:
    """The error as the gateway raises it: with what the run did before."""
    error.details["run"] = so_far.model_dump(mode="json")
    return error


@dataclass
class Runner:
    """Answers in order, the last one again and again.

    Attributes:
        answers: What a run comes to, or the error that it ends in.
        asked: Every message, with the context it came in.
    """

    answers: list[PipelineRun | BaseException]
    asked: list[tuple[RunMeltanoPipelineCommand, Context]] = field(default_factory=list)

    @property
    def messages(self) -> list[RunMeltanoPipelineCommand]:
        """The messages alone."""
        return [message for message, _ in self.asked]

    def bus(self) -> Bus:
        """A bus that sends to this runner."""

        def keep(step: Step, _: MessageSpec) -> Step:
            def kept(call: Call) -> object:
                assert isinstance(call.message, RunMeltanoPipelineCommand)
                self.asked.append((call.message, call.context))
                return step(call)

            return kept

        spec = MessageSpec("pipelines.RunMeltanoPipeline", RunMeltanoPipelineCommand, self._answer, True)
        return Bus([spec], behaviours=[keep])

    def _answer(self, command: RunMeltanoPipelineCommand) -> PipelineRun:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, PipelineRun):
            return answer
        raise answer
