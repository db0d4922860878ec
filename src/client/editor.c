/* SPDX-License-Identifier: MIT */
#include "yodel/client/editor.h"

#include "yodel/base/check.h"

#include <errno.h>
#include <histedit.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { REST_OF_KEY_MS = 500, HISTORY_LINES = 1000 };

/* What is pushed to hide the line; nobody types it. */
#define HIDE_KEY      L"\033[yodel-hide~"
#define HIDE_KEY_NAME "\\e[yodel-hide~"

bool editor_is_possible(void)
{
	const char *name = getenv("TERM");

	if (isatty(STDIN_FILENO) == 0 || isatty(STDOUT_FILENO) == 0)
		return false;
	/* Without a locale nobody has said what the terminal's characters are: today UTF-8. */
	setlocale(LC_CTYPE, "");
	if (strcmp(nl_langinfo(CODESET), "ANSI_X3.4-1968") == 0)
		setlocale(LC_CTYPE, "C.UTF-8");
	return name != NULL && *name != '\0' && strcmp(name, "dumb") != 0;
}

static struct editor *editor_of(EditLine *library)
{
	struct editor *editor;

	CHECK(el_get(library, EL_CLIENTDATA, &editor) == 0);
	return editor;
}

/* --- What the library calls ------------------------------------------------------------------ */

static char *give_prompt(EditLine *library)
{
	struct editor *editor = editor_of(library);

	return editor->prompt + (editor->is_hidden ? strlen(editor->prompt) : 0);
}

/* Returns as read(2), 0 also where nothing comes any more for this key. */
static ssize_t read_byte(struct editor *editor, char *byte)
{
	struct pollfd wait = {.fd = STDIN_FILENO, .events = POLLIN};
	ssize_t count;

	if (poll(&wait, 1, REST_OF_KEY_MS) <= 0)
		return 0;
	do
		count = read(STDIN_FILENO, byte, 1);
	while (count < 0 && errno == EINTR);
	if (count == 0 || (count < 0 && errno != EAGAIN))
		editor->is_gone = true;
	return count;
}

/* One character. Returns 1, or 0 where there is none: the library drops what it has of the key. */
static int get_character(EditLine *library, wchar_t *character)
{
	struct editor *editor = editor_of(library);
	mbstate_t state = {0};
	char byte;

	while (read_byte(editor, &byte) == 1) {
		size_t width = mbrtowc(character, &byte, 1, &state);

		if (width <= 1)
			return 1;
		if (width == (size_t)-1)
			state = (mbstate_t){0}; /* no character; the next byte may begin one */
	}
	return 0;
}

/* Runs within the library, so that it removes the line from where it knows that it stands. */
static unsigned char hide_line(EditLine *library, int key)
{
	struct editor *editor = editor_of(library);
	const LineInfoW *line = el_wline(library);
	size_t length = (size_t)(line->lastchar - line->buffer);

	(void)key;
	editor->cursor = (size_t)(line->cursor - line->buffer);
	editor->text = malloc((length + 1) * sizeof *editor->text);
	CHECK(editor->text != NULL);
	memcpy(editor->text, line->buffer, length * sizeof *editor->text);
	editor->text[length] = L'\0';
	el_cursor(library, (int)(length - editor->cursor));
	el_wdeletestr(library, (int)length);
	editor->is_hidden = true;
	return CC_REFRESH;
}

/* --- The terminal ----------------------------------------------------------------------------- */

static void fill_signals(sigset_t *signals)
{
	sigemptyset(signals);
	sigaddset(signals, SIGWINCH);
	sigaddset(signals, SIGTSTP);
	sigaddset(signals, SIGQUIT);
}

/* Between two lines, too, nothing that is typed ahead may be echoed by the kernel. */
static void take_terminal(struct editor *editor)
{
	el_set(editor->library, EL_SETTY, "-x", "-echo", "-icanon", NULL);
	el_set(editor->library, EL_PREP_TERM, 1);
}

static void give_terminal_back(const struct editor *editor)
{
	el_set(editor->library, EL_PREP_TERM, 0);
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &editor->before);
}

/* Dies or stops of it as if it had never been caught. */
static void obey(struct editor *editor, int number)
{
	sigset_t signals;

	editor_hide(editor);
	give_terminal_back(editor);
	sigemptyset(&signals);
	sigaddset(&signals, number);
	raise(number);
	sigprocmask(SIG_UNBLOCK, &signals, NULL);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	take_terminal(editor);
	editor_show(editor);
}

void editor_handle_signals(struct editor *editor)
{
	struct signalfd_siginfo info;

	while (editor->library != NULL &&
		read(editor->signal_fd, &info, sizeof info) == sizeof info) {
		if (info.ssi_signo == SIGWINCH) {
			editor_hide(editor);
			el_resize(editor->library);
			editor_show(editor);
		} else {
			obey(editor, (int)info.ssi_signo);
		}
	}
}

/* --- Open, close ------------------------------------------------------------------------------ */

/* Keys whose functions would wait for the next key, while the server talks. */
static void bind_keys(EditLine *library)
{
	static const char *const keys[] = {"^V", "^Q", "\\ex", "\\eX"};

	el_set(library, EL_EDITOR, "emacs");
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		el_set(library, EL_BIND, keys[i], "ed-unassigned", NULL);
	el_set(library, EL_BIND, "^R", "ed-search-prev-history", NULL);
	el_set(library, EL_BIND, "^S", "ed-search-next-history", NULL);
	/* The wide form keeps the names that it is given; el_set would copy them and lose the copies. */
	el_wset(library, EL_ADDFN, L"yodel-hide", L"Hides the line", hide_line);
	el_set(library, EL_BIND, HIDE_KEY_NAME, "yodel-hide", NULL);
}

static void open_history(struct editor *editor)
{
	HistEvent event;

	editor->history = history_init();
	CHECK(editor->history != NULL);
	history(editor->history, &event, H_SETSIZE, HISTORY_LINES);
	history(editor->history, &event, H_SETUNIQUE, 1);
	el_set(editor->library, EL_HIST, history, editor->history);
}

int editor_open(struct editor *editor, const char *prompt)
{
	sigset_t signals;

	*editor = (struct editor){.library = NULL};
	snprintf(editor->prompt, sizeof editor->prompt, "%s", prompt);
	if (tcgetattr(STDIN_FILENO, &editor->before) != 0)
		return -1;
	editor->library = el_init("yodel", stdin, stdout, stderr);
	if (editor->library == NULL)
		return -1;
	fill_signals(&signals);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	editor->signal_fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
	CHECK(editor->signal_fd >= 0);
	el_set(editor->library, EL_CLIENTDATA, editor);
	el_set(editor->library, EL_SIGNAL, 0);
	el_set(editor->library, EL_PROMPT, give_prompt);
	el_set(editor->library, EL_GETCFN, get_character);
	bind_keys(editor->library);
	open_history(editor);
	take_terminal(editor);
	el_set(editor->library, EL_UNBUFFERED, 1);
	return 0;
}

void editor_close(struct editor *editor)
{
	sigset_t signals;

	if (editor->library == NULL)
		return;
	give_terminal_back(editor);
	el_end(editor->library);
	history_end(editor->history);
	(void)tcsetattr(STDIN_FILENO, TCSADRAIN, &editor->before);
	close(editor->signal_fd);
	fill_signals(&signals);
	sigprocmask(SIG_UNBLOCK, &signals, NULL);
	free(editor->text);
	free(editor->line);
	*editor = (struct editor){.library = NULL};
}

/* --- The line --------------------------------------------------------------------------------- */

static void remember(struct editor *editor, const char *line)
{
	HistEvent event;

	if (*line != '\0')
		history(editor->history, &event, H_ENTER, line);
}

/* Keeps the line, whose last character is its newline, and begins the next. */
static void finish_line(struct editor *editor, const char *text, size_t length)
{
	free(editor->line);
	editor->line = malloc(length + 1);
	CHECK(editor->line != NULL);
	memcpy(editor->line, text, length);
	editor->line[length - 1] = '\0';
	remember(editor, editor->line);
	editor->line[length - 1] = '\n';
	editor->line[length] = '\0';
	el_set(editor->library, EL_UNBUFFERED, 0);
	el_set(editor->library, EL_UNBUFFERED, 1);
}

enum editor_event editor_read(struct editor *editor, const char **line, size_t *length)
{
	int count = 0;

	editor_show(editor);
	const char *text = el_gets(editor->library, &count);

	if (editor->is_gone || (count == 1 && text != NULL && *text == ('D' & 0x1f)))
		return EDITOR_END;
	if (count <= 0 || text == NULL || text[count - 1] != '\n')
		return EDITOR_TYPING;
	finish_line(editor, text, (size_t)count);
	*line = editor->line;
	*length = (size_t)count;
	return EDITOR_LINE;
}

void editor_hide(struct editor *editor)
{
	int count;

	if (editor->library == NULL || editor->is_hidden)
		return;
	el_wpush(editor->library, HIDE_KEY);
	(void)el_wgets(editor->library, &count);
}

void editor_show(struct editor *editor)
{
	if (editor->library == NULL || !editor->is_hidden)
		return;
	editor->is_hidden = false;
	(void)el_winsertstr(editor->library, editor->text);
	el_cursor(editor->library, (int)editor->cursor - (int)wcslen(editor->text));
	free(editor->text);
	editor->text = NULL;
	el_set(editor->library, EL_REFRESH);
}
