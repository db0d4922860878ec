/* SPDX-License-Identifier: MIT */
#include "yodel/session/hub.h"

#include "yodel/base/check.h"
#include "yodel/base/text.h"

#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

void hub_init(struct hub *hub)
{
	*hub = (struct hub){.operator_fd = -1};
	lock_init(&hub->lock);
}

void hub_fini(struct hub *hub)
{
	lock_take(&hub->lock);
	CHECK(hub->talkers == NULL && hub->operator_fd < 0);
	lock_give(&hub->lock);
	lock_fini(&hub->lock);
}

/* Fails only where the count is full, and then the other one is awake as it is. */
static void wake(int event_fd)
{
	(void)eventfd_write(event_fd, 1);
}

static void wake_operator(const struct hub *hub) REQUIRES(hub->lock)
{
	if (hub->operator_fd >= 0)
		wake(hub->operator_fd);
}

static void wake_talkers(const struct hub *hub) REQUIRES(hub->lock)
{
	for (const struct talker *talker = hub->talkers; talker != NULL; talker = talker->next)
		wake(talker->wake_fd);
}

/* --- A client's thread ------------------------------------------------------------------------ */

void hub_end(struct hub *hub)
{
	lock_take(&hub->lock);
	hub->is_ended = true;
	wake_talkers(hub);
	lock_give(&hub->lock);
}

static void link_talker(struct hub *hub, struct talker *talker) REQUIRES(hub->lock)
{
	talker->next = hub->talkers;
	if (hub->talkers != NULL)
		hub->talkers->previous = talker;
	hub->talkers = talker;
	hub->talker_count++;
}

static void unlink_talker(struct hub *hub, struct talker *talker) REQUIRES(hub->lock)
{
	if (talker->previous != NULL)
		talker->previous->next = talker->next;
	else
		hub->talkers = talker->next;
	if (talker->next != NULL)
		talker->next->previous = talker->previous;
	hub->talker_count--;
}

int hub_join(struct hub *hub, struct talker *talker, uint64_t number)
{
	memset(talker, 0, offsetof(struct talker, outbox));
	talker->number = number;
	talker->has_line_ends = true;
	talker->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (talker->wake_fd < 0)
		return -1;
	lock_take(&hub->lock);
	link_talker(hub, talker);
	lock_give(&hub->lock);
	return 0;
}

static void forget_message(struct hub *hub, struct talker *talker) REQUIRES(hub->lock)
{
	talker->message = NULL;
	hub->message_count--;
}

/* Of more than there is room for the operator is not told. */
static void tell_of_leaving(struct hub *hub, const struct talker *talker) REQUIRES(hub->lock)
{
	bool is_news = hub->operator_fd >= 0 && talker->is_known && !talker->is_over;

	if (!is_news || hub->left_count == HUB_LEFT_MAX)
		return;
	hub->left[hub->left_count++] = talker->number;
	wake_operator(hub);
}

void hub_leave(struct hub *hub, struct talker *talker)
{
	lock_take(&hub->lock);
	if (talker->message != NULL)
		forget_message(hub, talker);
	unlink_talker(hub, talker);
	tell_of_leaving(hub, talker);
	lock_give(&hub->lock);
	close(talker->wake_fd);
}

struct talker_view hub_look(struct hub *hub, struct talker *talker)
{
	(void)eventfd_read(talker->wake_fd, &(eventfd_t){0});
	lock_take(&hub->lock);
	struct talker_view view = {
		.has_operator = hub->operator_fd >= 0,
		.has_message = talker->message != NULL,
		.is_waiting = talker->is_waiting,
		.is_over = talker->is_over,
		.is_ended = hub->is_ended,
		.has_line_ends = talker->has_line_ends,
		.out = talker->outbox,
		.out_length = talker->out_length,
	};
	lock_give(&hub->lock);
	return view;
}

void hub_offer(struct hub *hub, struct talker *talker, const char *text, size_t length,
	bool has_line_end, bool is_bye)
{
	CHECK(length <= HUB_TEXT_BYTES);
	lock_take(&hub->lock);
	CHECK(talker->message == NULL);
	talker->message = text;
	talker->message_length = length;
	talker->has_line_ends = has_line_end;
	talker->is_bye = is_bye;
	talker->turn = ++hub->last_turn;
	hub->message_count++;
	wake_operator(hub);
	lock_give(&hub->lock);
}

void hub_sent(struct hub *hub, struct talker *talker, size_t length)
{
	lock_take(&hub->lock);
	CHECK(length <= talker->out_length);
	talker->out_length -= length;
	memmove(talker->outbox, talker->outbox + length, talker->out_length);
	lock_give(&hub->lock);
}

/* --- The operator ----------------------------------------------------------------------------- */

bool hub_attach(struct hub *hub, int operator_fd)
{
	lock_take(&hub->lock);
	bool is_free = hub->operator_fd < 0;
	if (is_free) {
		hub->operator_fd = operator_fd;
		wake_operator(hub);
		wake_talkers(hub);
	}
	lock_give(&hub->lock);
	return is_free;
}

void hub_detach(struct hub *hub)
{
	lock_take(&hub->lock);
	hub->operator_fd = -1;
	hub->left_count = 0;
	wake_talkers(hub);
	lock_give(&hub->lock);
}

static struct talker *find_first_in_turn(const struct hub *hub) REQUIRES(hub->lock)
{
	struct talker *first = NULL;

	if (hub->message_count == 0)
		return NULL;
	for (struct talker *talker = hub->talkers; talker != NULL; talker = talker->next)
		if (talker->message != NULL && (first == NULL || talker->turn < first->turn))
			first = talker;
	return first;
}

static void take_message(struct hub *hub, struct talker *talker, struct hub_message *message)
	REQUIRES(hub->lock)
{
	talker->is_over = talker->is_over || talker->is_bye;
	message->news = talker->is_over ? HUB_BYE : HUB_MESSAGE;
	message->number = talker->number;
	message->talkers = hub->talker_count;
	message->length = talker->message_length;
	memcpy(message->text, talker->message, talker->message_length);
	forget_message(hub, talker);
	talker->is_known = true;
	talker->is_waiting = true;
	wake(talker->wake_fd);
}

static void take_leaving(struct hub *hub, struct hub_message *message) REQUIRES(hub->lock)
{
	message->news = HUB_LEFT;
	message->number = hub->left[0];
	message->talkers = hub->talker_count;
	message->length = 0;
	hub->left_count--;
	memmove(hub->left, hub->left + 1, hub->left_count * sizeof *hub->left);
}

bool hub_take(struct hub *hub, struct hub_message *message)
{
	lock_take(&hub->lock);
	struct talker *talker = find_first_in_turn(hub);
	bool has_news = talker != NULL || hub->left_count > 0;
	if (talker != NULL)
		take_message(hub, talker, message);
	else if (has_news)
		take_leaving(hub, message);
	lock_give(&hub->lock);
	return has_news;
}

static enum hub_say say(struct talker *talker, const char *text, size_t length)
{
	if (talker->is_over)
		return HUB_NOBODY;
	if (HUB_OUTBOX_BYTES - talker->out_length < length + talker->has_line_ends)
		return HUB_NO_ROOM;
	memcpy(talker->outbox + talker->out_length, text, length);
	talker->out_length += length;
	if (talker->has_line_ends)
		talker->outbox[talker->out_length++] = '\n';
	talker->is_waiting = false;
	talker->is_over = text_is_word(text, length, "bye");
	wake(talker->wake_fd);
	return HUB_SAID;
}

enum hub_say hub_say(struct hub *hub, uint64_t number, const char *text, size_t length)
{
	enum hub_say said = HUB_NOBODY;

	CHECK(length <= HUB_TEXT_BYTES);
	lock_take(&hub->lock);
	struct talker *talker = hub->talkers;
	while (talker != NULL && talker->number != number)
		talker = talker->next;
	if (talker != NULL)
		said = say(talker, text, length);
	lock_give(&hub->lock);
	return said;
}

size_t hub_say_all(struct hub *hub, const char *text, size_t length, size_t *unheard)
{
	size_t all = 0;

	CHECK(length <= HUB_TEXT_BYTES);
	*unheard = 0;
	lock_take(&hub->lock);
	for (struct talker *talker = hub->talkers; talker != NULL; talker = talker->next) {
		enum hub_say said = say(talker, text, length);

		all += said != HUB_NOBODY;
		*unheard += said == HUB_NO_ROOM;
	}
	lock_give(&hub->lock);
	return all;
}
