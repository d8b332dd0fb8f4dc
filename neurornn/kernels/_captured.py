"""Stretches of the time loop recorded once as CUDA graphs and replayed: no launch waits for Python.

A recording reads and writes fixed addresses. Whoever replays it first copies in everything it reads, the weights
included, and copies out what is to last, so nothing of an earlier call can be seen in a later one. It is made when the
same stretch is asked for a second time: lengths that never come again are not worth it.
"""

__all__ = ["Captures", "CudaRecorder", "Recorder", "lend"]

import atexit
import logging
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Final, Protocol

import torch
from typing_extensions import override

from neurornn.kernels._loops import Stretch
from neurornn.kernels._plan import Plan

_log = logging.getLogger(__name__)
_SIZE: Final = 8  # recordings kept, the longest unused forgotten first
_SEEN: Final = 256  # stretches remembered that were asked for once


def lend(plan: Plan, *, back: bool) -> AbstractContextManager[Stretch]:
    """Where a run on a CUDA device has its stretches from: those of this process, recorded.

    Args:
        plan: What a stretch is made of.
        back: Whether this is the way back.

    Returns:
        A stretch for the body of a ``with``.
    """
    return _captures.lend(plan, back=back)


class Recorder(Protocol):
    """What records work on a device."""

    def queue(self, device: torch.device) -> Hashable | None:
        """Everything a recording depends on beside its plan: where work is queued now and with which settings.

        Args:
            device: The device.

        Returns:
            A key; None if nothing can be recorded now.
        """

    def record(
        self, device: torch.device, works: Sequence[Callable[[], None]]
    ) -> Sequence[Callable[[], None]]:
        """Record pieces of work.

        Args:
            device: The device they run on.
            works: The pieces; what they read is arbitrary.

        Returns:
            For each piece a function that does it again on the same tensors.
        """


class CudaRecorder:
    """Recorder of CUDA graphs."""

    def __init__(self) -> None:
        self._idle: dict[torch.device, list[torch.cuda.Stream]] = {}

    def queue(self, device: torch.device) -> Hashable | None:
        """The current stream and the precision of products.

        Args:
            device: The device.

        Returns:
            A key; None if the user is recording a graph of their own, of which this work becomes a part.
        """
        with torch.cuda.device(device):
            if torch.cuda.is_current_stream_capturing():
                return None
            products = torch.backends.cuda.matmul
            name = (
                "fp32_precision" if hasattr(products, "fp32_precision") else "allow_tf32"
            )  # before torch 2.9
            return torch.cuda.current_stream().cuda_stream, getattr(products, name)

    def record(
        self, device: torch.device, works: Sequence[Callable[[], None]]
    ) -> Sequence[Callable[[], None]]:
        """Do the work once, so that libraries are ready, and record it.

        Graphs share a private pool of memory, as they are replayed one after the other on one stream. They are captured
        on a stream that no other living graph was captured on: the workspace of matrix products belongs to the
        stream of the capture. Other threads may use the device meanwhile.

        Args:
            device: The device.
            works: The pieces of work.

        Returns:
            Their replays.
        """
        with torch.cuda.device(device):
            for work in works:
                work()
            queue, idle = torch.cuda.current_stream(), self._idle.setdefault(device, [])
            stream = idle.pop() if idle else torch.cuda.Stream()
            pool, graphs = torch.cuda.graph_pool_handle(), []
            try:
                for work in works:
                    graph = torch.cuda.CUDAGraph()
                    with torch.cuda.graph(graph, pool=pool, stream=stream, capture_error_mode="thread_local"):
                        work()
                    graphs.append(graph)
            finally:
                torch.cuda.set_stream(queue)  # a capture that failed leaves its own stream current
        lease = _Lease(stream, idle)
        return [partial(_replay, graph, device, lease) for graph in graphs]


class Captures:
    """Recorded stretches, lent to one run at a time.

    Args:
        recorder: What records them.
        size: How many are kept.
    """

    def __init__(self, recorder: Recorder, size: int = _SIZE) -> None:
        self._recorder, self._size = recorder, size
        self._lock = threading.Lock()
        self._recorded: OrderedDict[Hashable, _Recorded | None] = OrderedDict()
        self._seen: OrderedDict[Hashable, None] = OrderedDict()

    @contextmanager
    def lend(self, plan: Plan, *, back: bool) -> Iterator[Stretch]:
        """A stretch for the body of a ``with``.

        Args:
            plan: What it is made of.
            back: Whether this is the way back: autograd takes it in a thread of its own, where nothing is recorded.

        Yields:
            The stretch, recorded if it was asked for before.
        """
        queue = self._recorder.queue(plan.device)
        found = None if queue is None or plan.n_trials == 0 else self._find((plan, queue), plan, back)
        if found is None:
            yield Stretch(plan)
        else:
            with found.lock:
                yield found

    def forget(self) -> None:
        """Give all recordings and their memory back."""
        with self._lock:
            self._recorded.clear()
            self._seen.clear()

    def _find(self, key: Hashable, plan: Plan, back: bool) -> "_Recorded | None":
        with self._lock:
            if key in self._recorded:
                self._recorded.move_to_end(key)
                return self._recorded[key]
            if back:
                return None
            if key not in self._seen:
                self._seen[key] = None
                if len(self._seen) > _SEEN:
                    self._seen.popitem(last=False)
                return None
            recorded = self._recorded[key] = self._record(plan)
            if len(self._recorded) > self._size:  # after a capture, which waits until the device is idle
                self._recorded.popitem(last=False)
            return recorded

    def _record(self, plan: Plan) -> "_Recorded | None":
        try:
            return _Recorded(plan, self._recorder)
        except Exception as problem:
            _log.debug("A stretch of %d steps cannot be recorded: %s.", plan.n_steps, problem)
            return None


class _Recorded(Stretch):
    """A stretch whose operations are replayed."""

    def __init__(self, plan: Plan, recorder: Recorder) -> None:
        super().__init__(plan)
        self.lock = threading.Lock()
        works = [super().forward, *([] if plan.backward is None else [super().backward])]
        self._replays = recorder.record(plan.device, works)

    @override
    def forward(self) -> None:
        self._replays[0]()

    @override
    def backward(self) -> None:
        self._replays[1]()


class _Lease:
    """Whoever holds it keeps the stream to themselves."""

    def __init__(self, stream: torch.cuda.Stream, idle: list[torch.cuda.Stream]) -> None:
        weakref.finalize(self, idle.append, stream).atexit = False


def _replay(graph: torch.cuda.CUDAGraph, device: torch.device, lease: _Lease) -> None:
    with torch.cuda.device(device):
        graph.replay()


_captures: Final = Captures(CudaRecorder())
atexit.register(_captures.forget)  # before the driver is gone
