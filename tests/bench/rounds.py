# SPDX-License-Identifier: MIT
"""
Interleaved rounds: in each, every peer of a cell is measured once, and every other round goes
backwards (A B, B A), so that what drifts on the machine meets all of them.
"""

from dataclasses import dataclass

from peers import Server, ServerFailure

COST_OF_A_SAMPLE_S = 0.25  # besides its duration: starting the client, connecting, settling
COST_OF_A_BURST_S = 4


@dataclass
class Plan:
    cells: list
    peers: list
    rounds: int
    peer_rounds: int  # of those that are not in every round
    always: frozenset  # names that are in every round

    def rounds_of(self, cell, peer):
        rounds = self.rounds if peer.name in self.always else self.peer_rounds
        return min(rounds, cell.most_rounds)


def left_out_reason(cell, peer, most_connections):
    """Why a peer is not measured in a cell, or None."""
    if cell.connections > peer.most_connections:
        return f"no more than {peer.most_connections} connections: {peer.cap_reason}"
    if cell.connections > most_connections:
        return f"the limit on open files allows {most_connections} connections"
    return None


class Rounds:
    """Runs a plan. Servers go on running from cell to cell: some get faster as they run."""

    def __init__(self, plan, client, results, progress, most_connections):
        self.plan = plan
        self.client = client
        self.results = results
        self.progress = progress
        self.most_connections = most_connections
        self.servers = {}

    def run(self):
        try:
            for cell in self.plan.cells:
                self._run_cell(cell)
        finally:
            for server in self.servers.values():
                server.stop()

    def expected_s(self, cell, peer):
        each_s = (COST_OF_A_BURST_S if cell.needs_fresh_server else
                  COST_OF_A_SAMPLE_S + self.client.duration_s(cell))
        return each_s * self.plan.rounds_of(cell, peer)

    def expected_total_s(self):
        return sum(self.expected_s(cell, peer) for cell in self.plan.cells
                   for peer in self.plan.peers
                   if left_out_reason(cell, peer, self.most_connections) is None)

    def _peers_of(self, cell):
        for peer in self.plan.peers:
            reason = left_out_reason(cell, peer, self.most_connections)
            if reason is None:
                yield peer
            else:
                self.results.left_out[cell.name, peer.name] = reason

    def _run_cell(self, cell):
        peers = list(self._peers_of(cell))
        for number in range(min(self.plan.rounds, cell.most_rounds)):
            for peer in peers if number % 2 == 0 else reversed(peers):
                if number >= self.plan.rounds_of(cell, peer):
                    continue
                self.progress.show(line=f"{cell.name}: {cell.title};",
                                   detail=f"round {number + 1}, {peer.name}")
                if (cell.name, peer.name) not in self.results.failures:
                    self._measure(cell, peer, number)
                self.progress.did(self.expected_s(cell, peer) / self.plan.rounds_of(cell, peer))

    def _measure(self, cell, peer, number):
        try:
            server = self._server(cell, peer)
            self.results.add(cell, peer, number, self.client.measure(cell, server))
            if cell.needs_fresh_server:
                self._stop(cell, peer)
        except ServerFailure as failure:
            self.results.failures[cell.name, peer.name] = str(failure)
            self.progress.note(f"{peer.name} failed in {cell.name}: {failure}")
            self._stop(cell, peer)

    def _server(self, cell, peer):
        """The one that runs, or a new one."""
        key = peer.name, cell.is_pinned
        if cell.needs_fresh_server or (key in self.servers and not self.servers[key].is_running()):
            self._stop(cell, peer)
        if key not in self.servers:
            self.servers[key] = Server(peer, cell.is_pinned)
        return self.servers[key]

    def _stop(self, cell, peer):
        server = self.servers.pop((peer.name, cell.is_pinned), None)
        if server is not None:
            server.stop()
