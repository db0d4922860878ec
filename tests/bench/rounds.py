# SPDX-License-Identifier: MIT
"""
Interleaved rounds: in each, the peers of a cell are measured one after the other, and every other
round goes backwards (A B, B A), so that what drifts on the machine meets all of them. So does the
first round of every other cell.
"""

from dataclasses import dataclass

from cells import MEMORY
from servers import MOST_PROCESSES, Server, ServerFailure

OTHERS_ROUNDS, OTHERS_ROUNDS_BESIDE = 3, 2  # in the main cells, and in the others
COST_OF_A_SAMPLE_S = 0.15  # besides its duration: starting the client, connecting, settling
COST_OF_A_FRESH_ONE_S = 3
COST_OF_A_START_S = 1.2  # once for each server, nearly all of it its first load


@dataclass
class Plan:
    cells: list
    peers: list
    rounds: int
    always: frozenset      # names of the peers that are in every round
    most_connections: int  # that the limit on open files allows
    has_memory: bool       # of a server, from its control group

    def rounds_of(self, cell, peer):
        others = OTHERS_ROUNDS if cell.is_main else OTHERS_ROUNDS_BESIDE
        rounds = self.rounds if peer.name in self.always else min(others, self.rounds)
        return min(rounds, cell.most_rounds)

    def describe(self):
        return {"rounds": self.rounds, "in_every_round": sorted(self.always),
                "rounds_of_others": {"main": min(OTHERS_ROUNDS, self.rounds),
                                     "beside": min(OTHERS_ROUNDS_BESIDE, self.rounds)}}

    def why_left_out(self, cell, peer):
        """None if the peer is measured in the cell."""
        if peer.kind == "processes" and cell.connections > MOST_PROCESSES:
            return f"no more than {MOST_PROCESSES} connections: a process for each connection"
        if cell.measure is MEMORY and not self.has_memory:
            return "there is no control group that tells the memory of a server"
        if cell.connections > self.most_connections:
            return f"the limit on open files allows {self.most_connections} connections"
        return None


class Rounds:
    """Runs a plan. Servers go on running from cell to cell: some get faster as they run."""

    def __init__(self, plan, client, results, progress):
        self.plan = plan
        self.client = client
        self.results = results
        self.progress = progress
        self.servers = {}

    def expected_s(self):
        pairs = [(cell, peer) for cell in self.plan.cells for peer in self.plan.peers
                 if self.plan.why_left_out(cell, peer) is None]
        started = {(peer.name, cell.is_pinned) for cell, peer in pairs
                   if not cell.needs_fresh_server}
        return COST_OF_A_START_S * len(started) + sum(
            self._sample_s(cell) * self.plan.rounds_of(cell, peer) for cell, peer in pairs)

    def run(self):
        try:
            for index, cell in enumerate(self.plan.cells):
                self._run_cell(cell, index)
        finally:
            for server in self.servers.values():
                server.stop()

    def _sample_s(self, cell):
        if cell.needs_fresh_server:
            return COST_OF_A_FRESH_ONE_S
        return COST_OF_A_SAMPLE_S + self.client.duration_s(cell)

    def _run_cell(self, cell, index):
        peers = []
        for peer in self.plan.peers:
            reason = self.plan.why_left_out(cell, peer)
            if reason is None:
                peers.append(peer)
            else:
                self.results.left_out[cell.name, peer.name] = reason
        for number in range(min(self.plan.rounds, cell.most_rounds)):
            for peer in peers if (number + index) % 2 == 0 else reversed(peers):
                if number < self.plan.rounds_of(cell, peer):
                    self._measure(cell, peer, number)

    def _measure(self, cell, peer, number):
        self.progress.show(f"{cell.name}: {cell.title}", f"round {number + 1}, {peer.name}")
        key = cell.name, peer.name
        try:
            if key not in self.results.failures:
                server = self._server(cell, peer)
                sample = self.client.measure(cell, server)
                self.results.samples.setdefault(key, {})[number] = sample
        except ServerFailure as failure:
            self.results.failures[key] = str(failure)
            self.results.samples.pop(key, None)  # it has no figure, whatever came before
            self.progress.note(f"{peer.name} failed in {cell.name}: {failure}")
            self._stop(cell, peer)
        if cell.needs_fresh_server:
            self._stop(cell, peer)
        self.progress.did(self._sample_s(cell))

    def _server(self, cell, peer):
        """The one that runs, or a new one."""
        key = peer.name, cell.is_pinned
        if cell.needs_fresh_server or (key in self.servers and not self.servers[key].is_running()):
            self._stop(cell, peer)
        if key not in self.servers:
            self.servers[key] = Server(peer, cell.is_pinned)
            if not cell.needs_fresh_server:
                self.client.warm_up(self.servers[key])
                self.progress.did(COST_OF_A_START_S)
        return self.servers[key]

    def _stop(self, cell, peer):
        server = self.servers.pop((peer.name, cell.is_pinned), None)
        if server is not None:
            server.stop()
