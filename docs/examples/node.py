"""A whole inference node with only pyzmq and msgpack: python docs/examples/node.py ADDRESS

It answers every ask with the same words, whatever the picture: put a model in the place of `answer_to`. It takes
weights without looking at them, so that a trainer can train against it. It knows no `look`, so `g1 status` says of it
that it does not answer.
"""

import array
import sys
import time

import msgpack
import zmq

TEXT = "<perception>?</perception><think>Always down.</think><answer>down</answer>"


def answer_to(ask: dict, version: int) -> dict:
    tokens = array.array("i", list(TEXT.encode()))  # int32, as many float32 log-probabilities
    sample = {"text": TEXT, "tokens": tokens.tobytes(), "logps": bytes(4 * len(tokens)), "finish": "stop"}
    prompt = array.array("i", list(ask["turns"][0]["text"].encode()))
    samples = [sample] * ask["num_samples"]
    return {"type": "answer", "id": ask["id"], "prompt": prompt.tobytes(), "samples": samples, "version": version}


def main(address: str) -> None:
    socket, peers, version, beat_at = zmq.Context().socket(zmq.ROUTER), {}, -1, time.monotonic()
    socket.bind(address)
    print("ready", flush=True)
    while True:
        if socket.poll(100):
            peer, parcel = socket.recv_multipart()
            replies = []
            for message in msgpack.unpackb(parcel):
                kind, peers[peer] = message["type"], time.monotonic()
                if kind == "join":
                    replies.append({"type": "welcome", "name": "example-node", "backend": "fixed", "version": version})
                elif kind == "ask" and message.get("version", -1) in (-1, version):
                    replies.append(answer_to(message, version))
                elif kind == "ask":
                    reason = f"this node serves {version}"
                    replies.append({"type": "refusal", "id": message["id"], "reason": reason, "retry": True})
                elif kind == "weightcall":
                    if message["phase"] in ("finish", "confirm"):
                        version = message["version"]
                    replies.append({"type": "weightdone", "id": message["id"], "version": version})
            if replies:
                socket.send_multipart([peer, msgpack.packb(replies)])
        if time.monotonic() > beat_at:
            beat_at = time.monotonic() + 1
            for peer in [peer for peer, heard in peers.items() if heard > beat_at - 10]:
                socket.send_multipart([peer, msgpack.packb([{"type": "beat"}])])


main(*sys.argv[1:])
