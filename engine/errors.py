"""What can go wrong, as one tree; every message names the thing and the remedy.

    G1Error                      a person made or can mend it: printed as one line, exit status 2
    ├── ConfigError              a key or value of a configuration
    ├── CheckpointError          a model or checkpoint folder that is missing, half-written or of another shape
    ├── ConnectError             a busy port, an address that nobody answers
    ├── WireError                a message that does not decode, or is not one that its receiver expects
    ├── WeightsError             weights that cannot be sent, or whose probe does not agree
    │   └── TransferError        a transfer that the node did not finish: to be sent again from the beginning
    ├── WorkerError              a pool that cannot keep its workers alive, a ticket that keeps failing
    └── DivergedError            a loss or gradient that is not finite

A wrong argument of a public function is a plain `ValueError`; a bad answer of a model is data, not an error.
"""


class G1Error(Exception):
    """Base of everything that the command line reports as one line instead of a traceback."""


class ConfigError(G1Error):
    """A configuration that cannot be used."""


class CheckpointError(G1Error):
    """A model or checkpoint folder that cannot be loaded."""


class ConnectError(G1Error):
    """An address that cannot be bound or reached."""


class WireError(G1Error):
    """Bytes that are not a message of the protocol."""


class WeightsError(G1Error):
    """Weights that did not arrive, or arrived wrong."""


class TransferError(WeightsError):
    """A step of a transfer that the node did not do, or not in time."""


class WorkerError(G1Error):
    """Work that cannot be done by any worker."""


class DivergedError(G1Error):
    """Training that left the finite numbers."""
