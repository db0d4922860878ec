# SPDX-License-Identifier: MIT
"""Landlock: what a daemon that serves may not open any more, seen from outside, and without it."""

import ctypes
import os
import shutil
import signal
import struct
import unittest

from tls_harness import TlsTest
from yodel_harness import PERMISSION, SANITIZE, SystemTest, main, run

ENOSYS = 38
LANDLOCK_CREATE_RULESET = 444  # on every architecture
libc = ctypes.CDLL(None, use_errno=True)
# The leak checker reads /proc at the end, which it may not.
CONFINED = {"ASAN_OPTIONS": "detect_leaks=0"} if "address" in SANITIZE else {}


def kernel_abi():
    """What the kernel has of Landlock: the version of its interface, or -1."""
    return libc.syscall(LANDLOCK_CREATE_RULESET, None, 0, 1)


def has_landlock():
    return kernel_abi() > 0


def hide_landlock():
    """In a child that will be the daemon: the kernel seems to have none. See seccomp(2)."""
    rows = ((0x20, 0, 0, 0),  # load the number of the system call
            (0x15, 0, 1, LANDLOCK_CREATE_RULESET),
            (0x06, 0, 0, 0x00050000 | ENOSYS),
            (0x06, 0, 0, 0x7FFF0000))
    program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *row) for row in rows))
    header = ctypes.create_string_buffer(struct.pack("@HP", len(rows), ctypes.addressof(program)))
    if libc.prctl(38, 1, 0, 0, 0) != 0 or libc.prctl(22, 2, header, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


class Start(SystemTest):
    def start_confined(self, *arguments, word="on", **keywords):
        options = [f"privileges.landlock={word}", *keywords.pop("options", ())]
        return self.start(*arguments, options=options, env=CONFINED, **keywords)

    def test_the_log_says_what_holds(self):
        daemon = self.start_confined(word="auto")
        self.assert_echoes(self.connect(daemon))
        told = daemon.wait_for("privileges", no_new_privs="yes", uid=os.geteuid())
        held = "files,tcp" if kernel_abi() >= 4 else "files" if has_landlock() else "unavailable"
        self.assertEqual(told["landlock"], held)
        self.assertEqual(self.start().events("privileges"), [])

    def test_without_it_the_start_fails_where_it_is_on_and_goes_on_where_it_is_auto(self):
        done = run("-c", "/dev/null", "-l", "127.0.0.1:0", "-o", "privileges.allow_root=true",
                   "-o", "privileges.landlock=on", preexec_fn=hide_landlock)
        self.assertEqual(done.returncode, PERMISSION)
        self.assertIn("this kernel has no Landlock, or none for us: Function not implemented",
                      done.stderr)
        daemon = self.start_confined(word="auto", preexec_fn=hide_landlock)
        self.assertEqual(daemon.wait_for("privileges")["landlock"], "unavailable")
        self.assert_echoes(self.connect(daemon))

    @unittest.skipUnless(has_landlock(), "this kernel has no Landlock")
    def test_unix_sockets_are_removed_at_the_end(self):
        path = os.path.join(self.folder(), "socket")
        daemon = self.start_confined(listen=(f"unix:{path}",))
        self.assert_echoes(self.connect(daemon))
        daemon.stop()
        self.assertFalse(os.path.exists(path))


@unittest.skipUnless(has_landlock(), "this kernel has no Landlock")
class Reload(TlsTest):
    def setUp(self):
        self.certificates.make("old", "localhost").make("new", "localhost")
        self.live = self.folder()

    def renew(self, name, path):
        """A new file takes the place of the old one."""
        shutil.copy(self.path(name), path + ".new")
        os.rename(path + ".new", path)

    def use(self, name):
        for end in (".pem", ".key"):
            self.renew(name + end, os.path.join(self.live, "live" + end))

    def link(self, folder, name):
        """The same, where the names are symbolic links."""
        for end in (".pem", ".key"):
            new = os.path.join(self.live, "new" + end)
            os.symlink(os.path.join(folder, name + end), new)
            os.rename(new, os.path.join(self.live, "live" + end))

    def start_live(self, *options):
        return self.start(env=CONFINED, options=[
            "privileges.landlock=on", f"tls.certificate={self.live}/live.pem",
            f"tls.key={self.live}/live.key", *options])

    def reload(self, daemon):
        count = len(daemon.events("reload"))
        daemon.signal(signal.SIGHUP)
        return daemon.wait_for_count(count + 1, "reload")[count]

    def assert_denied(self, told):
        self.assertEqual(told.level, "error")
        self.assertIn(f"cannot read certificate {self.live}/live.pem: Permission denied; "
                      "privileges.landlock may be why", told["message"])

    def assert_serves(self, daemon, name):
        client = self.secure(daemon)
        self.assertEqual(client.tls.getpeercert(True), self.certificates.der(name))
        self.assert_echoes(client)

    def test_new_files_beside_the_old_ones_are_read(self):
        self.use("old")
        daemon = self.start_live()
        self.use("new")
        self.assertEqual(self.reload(daemon).level, "info")
        self.assert_serves(daemon, "new")

    def test_links_to_where_they_have_led_are_followed(self):
        self.link(self.certificates.folder, "old")
        daemon = self.start_live()
        self.link(self.certificates.folder, "new")
        self.assertEqual(self.reload(daemon).level, "info")
        self.assert_serves(daemon, "new")

    def test_files_elsewhere_are_not_read_and_the_old_pair_stays(self):
        self.use("old")
        daemon = self.start_live()
        self.link(self.certificates.folder, "new")
        told = self.reload(daemon)
        self.assertEqual(told.level, "error")
        self.assert_denied(told)
        self.assert_serves(daemon, "old")

    def test_a_new_directory_in_the_place_of_the_old_one_is_denied_and_named(self):
        self.use("old")
        daemon = self.start_live()
        os.rename(self.live, self.live + ".old")
        self.addCleanup(shutil.rmtree, self.live + ".old")
        os.mkdir(self.live)
        self.use("new")
        self.assert_denied(self.reload(daemon))
        self.assert_serves(daemon, "old")

    def test_a_link_to_a_directory_that_changes_is_denied_and_named(self):
        parent = self.folder()
        for name in ("old", "new"):
            self.live = os.path.join(parent, name)
            os.mkdir(self.live)
            self.use(name)
        self.live = os.path.join(parent, "live")
        os.symlink("old", self.live)
        daemon = self.start_live()
        os.symlink("new", self.live + ".new")
        os.rename(self.live + ".new", self.live)
        self.assert_denied(self.reload(daemon))
        self.assert_serves(daemon, "old")

    def test_a_file_that_is_missing_is_not_laid_to_landlock(self):
        self.use("old")
        daemon = self.start_live()
        os.remove(os.path.join(self.live, "live.pem"))
        told = self.reload(daemon)
        self.assertIn("No such file or directory; the certificates from before", told["message"])

    def test_all_files_of_every_listener_may_be_renewed_each_in_its_directory(self):
        self.certificates.make("sni-old", "sni.example").make("sni-new", "sni.example")
        self.certificates.make_authority("others")
        self.certificates.make("member").make("stranger", authority="others")
        paths = [os.path.join(self.folder(), name) for name in ("a.pem", "b.key", "c.pem", "d.pem")]
        certificate, key, authority, named = paths
        named_key = os.path.join(os.path.dirname(named), "d.key")

        def use(which, issuer):
            for name, path in ((f"{which}.pem", certificate), (f"{which}.key", key),
                               (f"{issuer}.pem", authority), (f"sni-{which}.pem", named),
                               (f"sni-{which}.key", named_key)):
                self.renew(name, path)

        def assert_in_use(which, member):
            for name, expected in (("localhost", which), ("sni.example", f"sni-{which}")):
                client = self.secure(daemon, self.context(certificate=member), name, index=1)
                self.assertEqual(client.tls.getpeercert(True), self.certificates.der(expected))
                self.assert_echoes(client)

        use("old", "ca")
        daemon = self.start(env=CONFINED, listen=(), config=self.write_config(f'''
            privileges: {{ landlock = "on"; }};
            listen: ( {{ name = "clear"; host = "127.0.0.1"; port = 0; }},
              {{ name = "tls"; host = "127.0.0.1"; port = 0; tls: {{
                 certificate = "{certificate}"; key = "{key}";
                 verify = "require"; client_ca = "{authority}";
                 certificates = ( {{ certificate = "{named}"; key = "{named_key}"; }} ); }}; }} );
            '''))
        assert_in_use("old", "member")
        use("new", "others")
        told = self.reload(daemon)
        self.assertEqual(told.level, "info", told.line)
        assert_in_use("new", "stranger")

    @unittest.skipUnless(os.geteuid() == 0, "only root may become somebody else")
    def test_a_directory_that_who_serves_cannot_reach_does_not_keep_it_from_serving(self):
        self.live = os.path.join(self.folder(), "live")  # the one above it is for root alone
        os.mkdir(self.live)
        self.use("old")
        daemon = self.start_live("privileges.user=nobody")
        self.assert_serves(daemon, "old")
        self.use("new")
        self.assert_denied(self.reload(daemon))
        self.assert_serves(daemon, "old")


if __name__ == "__main__":
    main()
