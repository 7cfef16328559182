"""A trainer that begins a weight transfer and never ends it: to be killed.

python -m tests.half_transfer NODE FILE_OR_NOTHING
"""

import sys
import time

from g1train.inference.client import NodeClient


def main() -> None:
    address, file = sys.argv[1:]
    client = NodeClient(address, timeout_s=60)
    client.init_weight_transfer_engine({})
    client.start_weight_update()
    if file:
        client.update_weights({"path": file})
    print("half way", flush=True)
    time.sleep(600)


if __name__ == "__main__":
    main()
