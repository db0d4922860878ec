# SPDX-License-Identifier: MIT
"""What is wrong with a TLS listener is named, with file and cause, and nothing starts."""

import os
import unittest

from tls_harness import EC, TlsTest, openssl
from yodel_harness import CONFIGURATION, main, run


class Files(TlsTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.certificates.make("other", key=EC)
        cls.pem, cls.key = cls.certificates.path("server.pem"), cls.certificates.path("server.key")

    def assert_refused(self, expected, certificate=None, key=None, *more):
        """The same at start and with -t."""
        options = ["-o", f"tls.certificate={certificate or self.pem}",
                   "-o", f"tls.key={self.key if key is None else key}", *more]
        for arguments in (["-t"], []):
            done = run("-c", "/dev/null", "-o", "port=0", *options, *arguments)
            self.assertEqual(done.returncode, CONFIGURATION, done.stderr)
            self.assertIn("listener", done.stderr)
            self.assertIn(expected, done.stderr.replace('\\"', '"'))
            self.assertEqual(done.stdout, "")

    def write(self, name, text, mode=0o600):
        return self.certificates.write(name, text, mode)

    def test_a_good_pair_is_ok(self):
        done = run("-c", "/dev/null", "-t", "-o", f"tls.certificate={self.pem}",
                   "-o", f"tls.key={self.key}")
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "configuration OK\n", ""))

    def test_missing_files(self):
        self.assert_refused("cannot read certificate /nowhere.pem: No such file or directory",
                            "/nowhere.pem")
        self.assert_refused("cannot read key /nowhere.key: No such file or directory",
                            key="/nowhere.key")
        self.assert_refused("certificate /: expected a file, got something else", "/")

    def test_files_that_cannot_be_read(self):
        broken = "/proc/self/mem"  # nothing is at its beginning
        self.assert_refused(f"cannot read certificate {broken}: Input/output error", broken)
        self.assert_refused(f"cannot read key {broken}: Input/output error", key=broken)

    def test_files_that_are_something_else(self):
        text = self.write("text", "yodel\n")
        self.assert_refused(f"certificate {text}: expected a certificate in PEM format, got none",
                            text)
        self.assert_refused(f"key {text}: expected a key in PEM format", key=text)
        self.assert_refused(f"certificate {self.key}: expected a certificate in PEM format",
                            self.key)
        self.assert_refused(f"key {self.write('pem', self.certificates.read('server.pem'))}: "
                            "expected a key in PEM format", key=self.path("pem"))
        broken = self.write("broken", self.certificates.read("server.pem").replace("A", "B"))
        self.assert_refused(f"certificate {broken}: expected a certificate in PEM format, got ",
                            broken)

    def test_a_key_of_another_certificate(self):
        key = self.path("other.key")
        self.assert_refused(f"key {key} does not belong to certificate {self.pem}: ", key=key)

    def test_a_key_with_a_passphrase(self):
        openssl("pkey", "-in", self.key, "-aes256", "-passout", "pass:yodel",
                "-out", self.path("locked.key"))
        self.assert_refused("locked.key: expected a key without a passphrase",
                            key=self.path("locked.key"))

    def test_a_key_that_others_may_read(self):
        for mode in (0o644, 0o604, 0o602, 0o620, 0o601):
            key = self.write("open.key", self.certificates.read("server.key"), mode)
            self.assert_refused(f"got mode {mode:04o}", key=key)

    @unittest.skipUnless(os.geteuid() == 0, "only root may give files away")
    def test_whose_key_it_is(self):
        key = self.write("theirs.key", self.certificates.read("server.key"))
        os.chown(key, 12345, 0)
        self.assert_refused("expected a file of user 0 or of root, got one of user 12345", key=key)
        os.chown(key, 0, 12345)
        os.chmod(key, 0o640)
        self.assert_refused("got mode 0640", key=key)
        os.chown(key, 0, 0)
        self.start_tls(f"tls.key={key}")  # as with credentials of systemd

    def test_certificate_and_key_in_one_file(self):
        both = self.write("both", self.certificates.read("server.pem") +
                          self.certificates.read("server.key"))
        self.assert_echoes(self.secure(self.start(options=[f"tls.certificate={both}"])))
        os.chmod(both, 0o644)
        self.assert_refused(f"key {both}: expected a file that only its owner may read", both, "")

    def test_no_ciphers_and_no_authority(self):
        self.assert_refused('ciphers "yodel": expected ciphers of TLS 1.2', None, None,
                            "-o", "tls.ciphers=yodel")
        pipe = self.path("pipe")
        os.mkfifo(pipe)
        for path, expected in (
                ("/nowhere", "cannot read client_ca /nowhere: No such file or directory"),
                (self.key, f"client_ca {self.key}: expected a certificate in PEM format, got none"),
                (pipe, f"client_ca {pipe}: expected a file, got something else")):
            self.assert_refused(expected, None, None, "-o", "tls.verify=optional",
                                "-o", f"tls.client_ca={path}")

    def test_every_listener_is_reported(self):
        config = self.write_config('''listen: (
            { name = "one"; port = 0; tls: { certificate = "/one"; }; },
            { name = "two"; port = 0; },
            { name = "three"; port = 0; tls: { certificates = ( { certificate = "/3"; } ); }; } );
            ''')
        done = run("-c", config, "-t")
        self.assertEqual(done.returncode, CONFIGURATION)
        self.assertEqual(done.stderr.splitlines(), [
            "listener one: cannot read certificate /one: No such file or directory",
            "listener three: cannot read certificate /3: No such file or directory",
            "yodeld: configuration refused: 2 problems"])


class Rules(TlsTest):
    def assert_problem(self, text, expected):
        config = self.write_config(text)
        done = run("-c", config, "-t")
        self.assertEqual(done.returncode, CONFIGURATION)
        self.assertEqual(done.stderr.splitlines()[0], f"{config}:{expected}")

    def test_what_asks_for_tls_needs_a_certificate(self):
        for option in ('key = "/k"', 'client_ca = "/c"', 'verify = "require"',
                       'min_version = "1.3"'):
            name = option.split()[0]
            for certificate in ("", 'certificate = "";'):
                self.assert_problem(f"tls: {{ {option}; {certificate} }};",
                                    f"1: tls.{name}: expected tls.certificate beside it, got none")

    def test_who_checks_clients_needs_an_authority(self):
        self.assert_problem('tls: { certificate = "/c"; verify = "optional"; };',
                            "1: tls.verify: expected tls.client_ca beside it, got none")

    def test_udp_has_no_tls(self):
        self.assert_problem('protocol = "udp"; tls: { certificate = "/c"; };',
                            "1: tls.certificate: expected none with protocol udp, which has no TLS")

    def test_values_out_of_range(self):
        self.assert_problem('tls: { min_version = "1.1"; };',
                            '1: tls.min_version: expected one of 1.2, 1.3, got "1.1" '
                            '(did you mean "1.2"?)')
        self.assert_problem('tls: { verify = "maybe"; };',
                            '1: tls.verify: expected one of none, optional, require, got "maybe"')
        self.assert_problem('tls: { alpn = ( "" ); };',
                            '1: tls.alpn.[0]: expected the name of a protocol of 1 to 255 bytes, '
                            'got ""')
        self.assert_problem('tls: { certificates = ( { key = "/k"; } ); };',
                            "1: tls.certificates.[0].certificate: expected a string, "
                            "got nothing")

    def test_a_listener_takes_it_from_the_top_or_does_without(self):
        pair = f'certificate = "{self.path("server.pem")}"; key = "{self.path("server.key")}";'
        daemon = self.start(listen=(), config=self.write_config(f'''
            tls: {{ {pair} }};
            listen: ( {{ name = "safe"; port = 0; }},
                      {{ name = "plain"; port = 0; tls: {{ certificate = ""; }}; }} );'''))
        self.assert_echoes(self.secure(daemon, index=0))
        self.assert_echoes(self.connect(daemon, 1))
        daemon.wait_for("accept", listener="plain")
        self.assertEqual([event["listener"] for event in daemon.events("tls")], ["safe"])


if __name__ == "__main__":
    main()
