"""A real S3 server on 127.0.0.1, for whoever tests what is kept in object storage."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import boto3
from moto.server import ThreadedMotoServer

BUCKET = "runs-of-a-test"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "nobody",
    "AWS_SECRET_ACCESS_KEY": "nothing",
    "AWS_DEFAULT_REGION": "us-east-1",
    # Else Arrow asks Amazon's machines, from here in vain, who this machine is.
    "AWS_EC2_METADATA_DISABLED": "true",
}


class S3Server:
    """Serves S3 on one port of 127.0.0.1; it may go away and come back with what it held."""

    def __init__(self) -> None:
        self._server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        self._server.start()
        host, self._port = self._server.get_host_and_port()
        self.address = f"{host}:{self._port}"

    def go_away(self) -> None:
        """Nobody answers on its port any more."""
        self._server.stop()

    def come_back(self) -> None:
        """Answers again."""
        self._server = ThreadedMotoServer("127.0.0.1", self._port, verbose=False)
        self._server.start()

    def environment(self) -> dict[str, str]:
        """What a client needs."""
        return CREDENTIALS | {"AWS_ENDPOINT_URL": f"http://{self.address}"}


@contextmanager
def running_s3() -> Iterator[S3Server]:
    """Serves S3 with one empty bucket, ``BUCKET``."""
    server = S3Server()
    try:
        client = boto3.client(
            "s3",
            endpoint_url=f"http://{server.address}",
            region_name=CREDENTIALS["AWS_DEFAULT_REGION"],
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        )
        client.create_bucket(Bucket=BUCKET)
        client.close()
        yield server
    finally:
        server.go_away()


@contextmanager
def s3_server() -> Iterator[str]:
    """As ``running_s3``; gives ``127.0.0.1:<port>``. Clients need ``CREDENTIALS``."""
    with running_s3() as server:
        yield server.address
