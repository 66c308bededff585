"""A byte pipe from TCP to a WebSocket, with websockify's own WebSocket: it sends binary frames and closes at a text frame. Arguments: port and URL."""
import select
import socket
import sys

from websockify.websocket import WebSocket, WebSocketWantReadError

listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
miner, _ = listener.accept()
pool = WebSocket()
pool.connect(sys.argv[2])
pool.socket.setblocking(False)
while True:
    readable, _, _ = select.select([miner, pool.socket], [], [])
    if miner in readable:
        said = miner.recv(4096)
        if not said:
            break
        pool.sendmsg(said)
    if pool.socket in readable:
        try:
            while True:
                answer = pool.recvmsg()
                if answer is None:
                    sys.exit(f"closed: {pool.close_code} {pool.close_reason}")
                miner.sendall(answer)
        except WebSocketWantReadError:
            pass
