"""What lands if the connection to the server is lost, at each message in turn."""

from contextlib import closing
from pathlib import Path

import pytest
from tornproof.chain.postgresql import connect
from tornproof.chain.server_errors import ServerError
from tornproof.drainer import DeferredAuditQueue
from tornproof_conformance.pytest_support.plugin import requirement
from tornproof_models.contract.delivery import Fact

from tests.postgresql.cluster import Cluster
from tests.postgresql.landing import breaches, submit
from tests.postgresql.proxy import Cut, Proxy, Side


@requirement("DRN-1")
@requirement("DRN-7")
@requirement("DRN-30")
@pytest.mark.parametrize("side", Side)
def test_each_event_lands_once_wherever_the_connection_is_lost(
    side: Side, cluster: Cluster, tmp_path: Path
) -> None:
    """Whether a COMMIT took effect is looked up, and nothing runs outside its transaction."""
    database, proxy = cluster.create_database(), Proxy(cluster.port)
    queue = DeferredAuditQueue.open(
        cluster.address(database, proxy.port),
        spool=tmp_path / "spool",
        paused=True,
        sleep=lambda _: None,
    )
    facts: list[Fact] = []

    def land(name: str, cut: Cut | None = None) -> None:
        """Submit two events, and let them land over a connection that is lost once."""
        proxy.messages, proxy.cut = dict.fromkeys(Side, 0), cut
        submit(queue, facts, f"first {name}", f"second {name}")
        assert queue.drain_pending(timeout=30)
        assert proxy.cut is None, f"{cut} was not reached"

    land("on a new connection")
    land("with nothing lost")
    for message in range(1, proxy.messages[side] + 1):
        land(f"at message {message}", Cut(side, message))
    queue.close_and_flush()
    proxy.close()

    assert len(facts) > 40
    assert breaches(cluster.address(database), facts) == []


@requirement("DRN-30")
def test_nothing_runs_outside_of_a_transaction_whose_connection_was_lost(cluster: Cluster) -> None:
    """Only BEGIN takes a new connection."""
    database, proxy = cluster.create_database(), Proxy(cluster.port)
    with closing(connect(cluster.address(database, proxy.port))) as connection:
        connection.execute("CREATE TABLE t (x BIGINT)")
        connection.execute("BEGIN")
        proxy.messages, proxy.cut = dict.fromkeys(Side, 0), Cut(Side.CLIENT, 1)

        for _ in range(2):
            with pytest.raises(ServerError):
                connection.execute("INSERT INTO t VALUES (1)")
        connection.execute("BEGIN")

        assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)
    proxy.close()
