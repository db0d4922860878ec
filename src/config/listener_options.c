/* SPDX-License-Identifier: MIT */
/* The rows of a listener. A new setting of it starts here; lint checks file and manual. */
#include "yodel/config/config.h"

#include "yodel/base/account.h"
#include "yodel/config/option_bounds.h"
#include "yodel/transport/cidr.h"
#include "yodel/transport/listener.h"

#include <string.h>

#define AT_LISTENER(member) .offset = offsetof(struct listener_settings, member)

enum {
	BACKLOG_MAX = 65535,
	NAME_MAX_CHARACTERS = 32,
	TEXT_MAX_BYTES = 512,
	NETWORKS_MAX = 1000,
	STOP_COMMAND_MAX_BYTES = 64,
	CERTIFICATES_MAX = 256,
	PROTOCOLS_MAX = 32,
	PROTOCOL_MAX_BYTES = 255,
};

const char *const protocol_names[] = {"tcp", "udp", NULL};

static const char *const tls_verify_names[] = {"none", "optional", "require", NULL};
static const char *const tls_version_names[] = {"1.2", "1.3", NULL};

static bool check_name(const char *text, char why[OPTION_WHY_BYTES])
{
	size_t length = strlen(text);

	snprintf(why, OPTION_WHY_BYTES, "at most %d letters, digits, '_' and '-'",
		NAME_MAX_CHARACTERS);
	return length <= NAME_MAX_CHARACTERS &&
	       strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") ==
		       length;
}

/* A path counts from the root, for the daemon may be started anywhere. */
static bool is_path_good(const char *path)
{
	struct address address;

	return (path[0] == '/' || (path[0] == '@' && path[1] != '\0')) &&
	       address_from_path(path, &address);
}

static bool check_host(const char *text, char why[OPTION_WHY_BYTES])
{
	const char *path = address_path_of_host(text), *name = listener_inherited_name(text);

	snprintf(why, OPTION_WHY_BYTES,
		"a host name, an IPv4 or IPv6 address, \"*\", \"unix:/PATH\" or \"unix:@NAME\" of at most 107 bytes, or \"systemd:NAME\"");
	if (path != NULL)
		return is_path_good(path);
	if (name != NULL)
		return name[0] != '\0';
	return text[0] != '\0' && strpbrk(text, " /[]") == NULL;
}

static bool check_mode(const char *text, char why[OPTION_WHY_BYTES])
{
	mode_t mode;

	snprintf(why, OPTION_WHY_BYTES, "permissions in octal from \"0\" to \"0777\"");
	return socket_options_read_mode(text, &mode);
}

static bool check_refuse_text(const char *text, char why[OPTION_WHY_BYTES])
{
	snprintf(why, OPTION_WHY_BYTES, "at most %d bytes", TEXT_MAX_BYTES);
	return strlen(text) <= TEXT_MAX_BYTES;
}

static bool check_stop_command(const char *text, char why[OPTION_WHY_BYTES])
{
	snprintf(why, OPTION_WHY_BYTES, "at most %d bytes without a line end",
		STOP_COMMAND_MAX_BYTES);
	return strlen(text) <= STOP_COMMAND_MAX_BYTES && strpbrk(text, "\r\n") == NULL;
}

/* Source: RFC 7301 3.1. */
static bool check_protocol(const char *text, char why[OPTION_WHY_BYTES])
{
	snprintf(why, OPTION_WHY_BYTES, "the name of a protocol of 1 to %d bytes",
		PROTOCOL_MAX_BYTES);
	return text[0] != '\0' && strlen(text) <= PROTOCOL_MAX_BYTES;
}

static bool check_file(const char *text, char why[OPTION_WHY_BYTES])
{
	snprintf(why, OPTION_WHY_BYTES, "the name of a file");
	return text[0] != '\0';
}

static const struct option_row certificate_options[] = {
	{.path = "certificate",
		.type = OPTION_STRING,
		.offset = offsetof(struct tls_files, certificate),
		.check = check_file,
		.help = "PEM file of the certificate, with those that lead to its issuer behind it"},
	{.path = "key",
		.type = OPTION_STRING,
		.offset = offsetof(struct tls_files, key),
		.default_value = "",
		.help = "PEM file of its private key; empty if it is in the file of the certificate"},
	OPTION_END,
};

static const struct option_row protocol_options[] = {
	{.path = "",
		.type = OPTION_STRING,
		.is_unique = true,
		.check = check_protocol,
		.help = "Name of a protocol"},
	OPTION_END,
};

static bool check_network(const char *text, char why[OPTION_WHY_BYTES])
{
	struct cidr network;

	snprintf(why, OPTION_WHY_BYTES,
		"an IPv4 or IPv6 address, or a network ADDRESS/BITS without bits behind those");
	return cidr_parse(text, &network);
}

/* In the order of enum proxy_versions, behind none. */
static const char *const proxy_protocol_names[] = {"off", "v1", "v2", "any", NULL};

static const char *const default_proxies[] = {"127.0.0.0/8", "::1", NULL};

static const struct option_row network_rows[] = {
	{.path = "",
		.type = OPTION_STRING,
		.is_unique = true,
		.check = check_network,
		.help = "A network"},
	OPTION_END,
};

const struct option_row listener_options[] = {
	{.path = "name",
		.type = OPTION_STRING,
		AT_LISTENER(name),
		.default_value = "",
		.check = check_name,
		.help = "Name of the listener in the log, and of the inherited socket it adopts; empty takes the name of its service"},
	{.path = "service",
		.type = OPTION_STRING,
		AT_LISTENER(service),
		.default_value = "echo",
		.help = "What is done with a client: echo, greet, discard, chargen, daytime, time, message or talk"},
	{.path = "protocol",
		.type = OPTION_CHOICE,
		AT_LISTENER(protocol),
		.default_value = "tcp",
		.choices = protocol_names,
		.help = "What is spoken there; udp is for echo alone, which sends each datagram back"},
	{.path = "host",
		.type = OPTION_STRING,
		AT_LISTENER(host),
		.default_value = "127.0.0.1",
		.check = check_host,
		.help = "A name, an IPv4 or IPv6 address, \"*\" for all addresses of both families, \"unix:/PATH\" or \"unix:@NAME\" for a Unix socket, or \"systemd:NAME\" for an inherited socket"},
	{.path = "port",
		.type = OPTION_PORT,
		AT_LISTENER(port),
		.default_value = "65432",
		.help = "A number or a service name; 0 lets the kernel choose; of no meaning for a Unix socket"},
	{.path = "backlog",
		.type = OPTION_INTEGER,
		AT_LISTENER(backlog),
		.max = BACKLOG_MAX,
		.default_value = "0",
		.help = "Clients the kernel keeps waiting to be accepted; 0 is as many as net.core.somaxconn allows, which nothing exceeds"},
	{.path = "allow",
		.type = OPTION_LIST,
		AT_LISTENER(allow),
		.max = NETWORKS_MAX,
		.elements = network_rows,
		.element_bytes = sizeof(char *),
		.help = "Networks that may connect, like \"10.0.0.0/8\" or \"::1\"; where there are any, others may not, nor proxies of proxy_from; of allow and deny the longest network that fits decides, of two as long deny"},
	{.path = "deny",
		.type = OPTION_LIST,
		AT_LISTENER(deny),
		.max = NETWORKS_MAX,
		.elements = network_rows,
		.element_bytes = sizeof(char *),
		.help = "Networks that may not connect"},
	{.path = "limits.max_connections",
		.type = OPTION_INTEGER,
		AT_LISTENER(limits.max_connections),
		.max = CONNECTIONS_MAX,
		.default_value = "0",
		.help = "In a listener: clients served at once by it alone; 0 is no limit"},
	{.path = "limits.max_per_peer",
		.type = OPTION_INTEGER,
		AT_LISTENER(limits.max_per_peer),
		.max = CONNECTIONS_MAX,
		.default_value = "0",
		.help = "In a listener: clients served at once from one peer by it alone; 0 is no limit"},
	{.path = "limits.accept_rate",
		.type = OPTION_RATE,
		AT_LISTENER(limits.accept_rate),
		.max = RATE_MAX,
		.default_value = "0",
		.help = "In a listener: new clients in a time for it alone; 0 is no limit"},
	{.path = "limits.datagram_rate",
		.type = OPTION_RATE,
		AT_LISTENER(datagram_rate),
		.max = RATE_MAX,
		.default_value = "1000/s",
		.help = "With protocol udp: datagrams of one peer that are answered in a time, on each address of the listener; 0 is no limit"},
	{.path = "limits.refuse_text",
		.type = OPTION_STRING,
		AT_LISTENER(refuse_text),
		.default_value = "",
		.check = check_refuse_text,
		.help = "Sent to a client that is refused for a limit, before the close, but not with TLS; empty sends nothing"},
	{.path = "stop_command",
		.type = OPTION_STRING,
		AT_LISTENER(stop_command),
		.default_value = "",
		.check = check_stop_command,
		.help = "A line that lets any client stop the daemon, as at TERM, also where its end has not come yet; only on loopback addresses and Unix sockets; empty for none"},
	{.path = "proxy_protocol",
		.type = OPTION_CHOICE,
		AT_LISTENER(proxy_protocol),
		.default_value = "off",
		.choices = proxy_protocol_names,
		.help = "Whether each connection begins with a header of the PROXY protocol, which announces the peer, and which version"},
	{.path = "proxy_from",
		.type = OPTION_LIST,
		AT_LISTENER(proxy_from),
		.max = NETWORKS_MAX,
		.elements = network_rows,
		.element_bytes = sizeof(char *),
		.default_elements = default_proxies,
		.help = "Networks of the proxies that may announce peers; with proxy_protocol, nobody else may connect, but for processes on a Unix socket"},
	{.path = "probe_from",
		.type = OPTION_LIST,
		AT_LISTENER(probe_from),
		.max = NETWORKS_MAX,
		.elements = network_rows,
		.element_bytes = sizeof(char *),
		.help = "Networks of health checks, whose connections are logged at level debug"},
	{.path = "timeouts.proxy_header",
		.type = OPTION_DURATION,
		AT_LISTENER(timeouts.proxy_header_ms),
		.min = 1,
		.max = DAY,
		.default_value = "5s",
		.help = "How long a proxy may take to send the whole header of the PROXY protocol"},
	{.path = "timeouts.handshake",
		.type = OPTION_DURATION,
		AT_LISTENER(timeouts.handshake_ms),
		.max = DAY,
		.default_value = "10s",
		.help = "How long the TLS handshake may take, as a whole; 0 is for ever"},
	{.path = "timeouts.first_byte",
		.type = OPTION_DURATION,
		AT_LISTENER(timeouts.first_byte_ms),
		.max = DAY,
		.default_value = "0",
		.help = "How long a client may take to send its first byte, behind PROXY header and TLS handshake; 0 leaves that to idle"},
	{.path = "timeouts.idle",
		.type = OPTION_DURATION,
		AT_LISTENER(timeouts.idle_ms),
		.max = DAY,
		.default_value = "5m",
		.help = "How long a client may be silent; 0 is for ever"},
	{.path = "timeouts.write",
		.type = OPTION_DURATION,
		AT_LISTENER(timeouts.write_ms),
		.max = DAY,
		.default_value = "30s",
		.help = "How long a client may take to receive the next 16k of an answer, or what is left of it, however slowly it reads; 0 is for ever"},
	{.path = "timeouts.lifetime",
		.type = OPTION_DURATION,
		AT_LISTENER(timeouts.lifetime_ms),
		.max = 365 * DAY,
		.default_value = "0",
		.help = "How long a connection may last before we end it, whatever it does (linger comes on top); 0 is for ever"},
	{.path = "timeouts.linger",
		.type = OPTION_DURATION,
		AT_LISTENER(timeouts.linger_ms),
		.max = DAY,
		.default_value = "2s",
		.help = "How long we wait, after our last byte, for the client to close; 0 does not wait"},
	{.path = "socket.nodelay",
		.type = OPTION_BOOL,
		AT_LISTENER(socket.nodelay),
		.default_value = "true",
		.help = "Send small answers at once (TCP_NODELAY)"},
	{.path = "socket.keepalive",
		.type = OPTION_BOOL,
		AT_LISTENER(socket.keepalive),
		.default_value = "false",
		.help = "Probe silent clients (SO_KEEPALIVE)"},
	{.path = "socket.keepalive_idle",
		.type = OPTION_DURATION,
		AT_LISTENER(socket.keepalive_idle_ms),
		.step = SECOND,
		.max = 32767 * SECOND,
		.default_value = "0",
		.help = "Silence before the first probe; 0 is the kernel's value"},
	{.path = "socket.keepalive_interval",
		.type = OPTION_DURATION,
		AT_LISTENER(socket.keepalive_interval_ms),
		.step = SECOND,
		.max = 32767 * SECOND,
		.default_value = "0",
		.help = "Time between probes; 0 is the kernel's value"},
	{.path = "socket.keepalive_count",
		.type = OPTION_INTEGER,
		AT_LISTENER(socket.keepalive_count),
		.max = 127,
		.default_value = "0",
		.help = "Unanswered probes that end a connection; 0 is the kernel's value"},
	{.path = "socket.user_timeout",
		.type = OPTION_DURATION,
		AT_LISTENER(socket.user_timeout_ms),
		.max = DAY,
		.default_value = "0",
		.help = "How long sent bytes may stay unacknowledged (TCP_USER_TIMEOUT); 0 is the kernel's value"},
	{.path = "socket.receive_buffer",
		.type = OPTION_SIZE,
		AT_LISTENER(socket.receive_buffer_bytes),
		.max = 1024 * MIB,
		.default_value = "0",
		.help = "Receive buffer of each connection (SO_RCVBUF); 0 lets the kernel size it"},
	{.path = "socket.send_buffer",
		.type = OPTION_SIZE,
		AT_LISTENER(socket.send_buffer_bytes),
		.max = 1024 * MIB,
		.default_value = "0",
		.help = "Send buffer of each connection (SO_SNDBUF); 0 lets the kernel size it"},
	{.path = "socket.defer_accept",
		.type = OPTION_DURATION,
		AT_LISTENER(socket.defer_accept_ms),
		.step = SECOND,
		.max = 3600 * SECOND,
		.default_value = "0",
		.help = "Accept a client only once it has sent something, or after this time (TCP_DEFER_ACCEPT); 0 is off"},
	{.path = "socket.mode",
		.type = OPTION_STRING,
		AT_LISTENER(socket.mode),
		.default_value = "0666",
		.check = check_mode,
		.help = "Who may connect to \"unix:/PATH\", as permissions of the file in octal; the default lets in every user of the machine, as a port on loopback does"},
	{.path = "socket.owner",
		.type = OPTION_STRING,
		AT_LISTENER(socket.owner),
		.default_value = "",
		.check = account_check_user,
		.help = "User that the file of \"unix:/PATH\" is given to, by name or number; empty leaves it to the daemon's"},
	{.path = "socket.group",
		.type = OPTION_STRING,
		AT_LISTENER(socket.group),
		.default_value = "",
		.check = account_check_group,
		.help = "Group that the file of \"unix:/PATH\" is given to, by name or number; empty leaves it to the daemon's"},
	{.path = "tls.certificate",
		.type = OPTION_STRING,
		AT_LISTENER(tls.files.certificate),
		.default_value = "",
		.help = "PEM file of the certificate, with those that lead to its issuer behind it: clients have to speak TLS; empty is no TLS, unless tls.certificates has one"},
	{.path = "tls.key",
		.type = OPTION_STRING,
		AT_LISTENER(tls.files.key),
		.default_value = "",
		.help = "PEM file of its private key, which nobody else may read; empty if it is in the file of the certificate"},
	{.path = "tls.certificates",
		.type = OPTION_LIST,
		AT_LISTENER(tls.certificates),
		.max = CERTIFICATES_MAX,
		.elements = certificate_options,
		.element_bytes = sizeof(struct tls_files),
		.help = "More certificates: a client gets those for the server name that it says (SNI), of several the first of each kind of key, else the first of all"},
	{.path = "tls.client_ca",
		.type = OPTION_STRING,
		AT_LISTENER(tls.client_ca),
		.default_value = "",
		.help = "PEM file of the authorities that issue clients' certificates"},
	{.path = "tls.verify",
		.type = OPTION_CHOICE,
		AT_LISTENER(tls.verify),
		.default_value = "none",
		.choices = tls_verify_names,
		.help = "Whether clients need a certificate: none asks for none, optional takes a good one or none, require takes a good one only"},
	{.path = "tls.min_version",
		.type = OPTION_CHOICE,
		AT_LISTENER(tls.min_version),
		.default_value = "1.2",
		.choices = tls_version_names,
		.help = "The oldest version of TLS that a client may speak"},
	{.path = "tls.ciphers",
		.type = OPTION_STRING,
		AT_LISTENER(tls.ciphers),
		.default_value = "ECDHE+AESGCM:ECDHE+CHACHA20",
		.help = "Ciphers of TLS 1.2, as openssl-ciphers(1) has them, the best first; those of 1.3 are all good"},
	{.path = "tls.alpn",
		.type = OPTION_LIST,
		AT_LISTENER(tls.alpn),
		.max = PROTOCOLS_MAX,
		.elements = protocol_options,
		.element_bytes = sizeof(char *),
		.help = "Protocols to choose from where a client names some (ALPN), the best first; a client that names none of them is refused"},
	{.path = "tls.session_tickets",
		.type = OPTION_BOOL,
		AT_LISTENER(tls.has_tickets),
		.default_value = "true",
		.help = "Let clients resume a session without a full handshake"},
	OPTION_END,
};
