"""A whole worker with only pyzmq and msgpack: python docs/examples/worker.py TRAINER NODE

It knows no game: it shows the node a grey picture and pays answers by length, for trainers that believe it
(`Dispatcher(verify=believed)`). A message is a map with the key `type`; a ZeroMQ frame holds an array of them.
"""

import sys
import time

import msgpack
import zmq

NAME, SIZE = "example-worker", 28
GREY = {"codec": "pixels", "height": SIZE, "width": SIZE, "data": bytes([128]) * (SIZE * SIZE * 3)}
UNPAID = {"action": -1, "format_reward": 0.0, "perception_reward": 0.0, "score": 0, "legal": False, "terminated": True}


def ask_of(ticket: dict) -> dict:
    ask = {"type": "ask", "id": ticket["index"], "turns": [{"text": "Play.", "frame": GREY}], **ticket["sampling"]}
    ask |= {key: ticket[key] for key in ("num_samples", "seed", "version", "game")}
    return {**ask, "state": ticket["start"]["record"]}


def result_of(ticket: dict, name: str, message: dict) -> dict:
    head = {"index": ticket["index"], "ticket": name, "worker": NAME}
    if message["type"] == "refusal":
        return {"type": "failure", **head, "traceback": message["reason"]}
    scores = [{**UNPAID, "game_reward": float(len(sample["text"]))} for sample in message["samples"]]
    one = {"sibling": 0, "turn": 0, "state_hash": 0, "truth": "", "frame": GREY, "scores": scores}
    one |= {key: message[key] for key in ("prompt", "samples", "version")}
    return {"type": "group", **head, "start_hash": 0, "rounds": [one]}


def main(trainer_address: str, node_address: str) -> None:
    context, poller, held, beat_at = zmq.Context(), zmq.Poller(), {}, time.monotonic()
    trainer, node = sockets = [context.socket(zmq.DEALER) for _ in range(2)]
    for socket, address in zip(sockets, (trainer_address, node_address), strict=True):
        socket.connect(address)
        socket.send(msgpack.packb([{"type": "join", "role": "worker", "name": NAME, "pid": 1, "protocol": 2}]))
        poller.register(socket, zmq.POLLIN)
    trainer.send(msgpack.packb([{"type": "pull", "credit": 4}]))
    while True:
        for message in [one for socket, _ in poller.poll(100) for one in msgpack.unpackb(socket.recv())]:
            if message["type"] == "work":
                for ticket, name in zip(message["tickets"], message["names"], strict=True):
                    held[ticket["index"]] = ticket, name
                    node.send(msgpack.packb([ask_of(ticket)]))
            elif message["type"] in ("answer", "refusal"):
                result = result_of(*held.pop(message["id"]), message)
                trainer.send(msgpack.packb([result, {"type": "pull", "credit": 1}]))
            elif message["type"] == "drain":
                return
        if time.monotonic() > beat_at:
            beat_at = time.monotonic() + 1
            for socket in sockets:
                socket.send(msgpack.packb([{"type": "beat"}]))


main(*sys.argv[1:])
