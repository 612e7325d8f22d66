"""Rules in a device that steer datagrams to queues, or drop them."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any

from dpdk_bindings._dpdk import lib
from dpdk_bindings.dpdk.failures import refuse

if TYPE_CHECKING:
    from dpdk_bindings.dpdk.port import Port


class FlowRule:
    """A rule of ``Port.flow``, in force until closed, or until its port is. A context manager."""

    def __init__(self, port: Port, flow: Any, description: str) -> None:
        """Made by ``Port.flow`` alone."""
        self.port = port
        self.description = description
        self._flow: Any = flow

    def __enter__(self) -> FlowRule:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<FlowRule {self.description}{'' if self.active else ' (ended)'}>"

    @property
    def active(self) -> bool:
        """Whether the device still follows it."""
        return self._flow is not None

    def close(self) -> None:
        """Ends it; PioError when the device will not. Harmless when already ended."""
        flow, self._flow = self._flow, None
        if flow is None:
            return
        self.port._rules.discard(self)
        number = lib.dpdk_handle_flow_end(self.port._handle, flow)
        if number:
            refuse(number, "end a rule", "close the port")
