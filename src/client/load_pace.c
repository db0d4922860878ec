/* SPDX-License-Identifier: MIT */
#include "yodel/client/load_pace.h"

#define MS ((int64_t)1000 * 1000)

bool load_is_paced(const struct load_worker *worker)
{
	return worker->plan->settings->rate.count > 0;
}

bool load_is_connecting(const struct load_worker *worker)
{
	return worker->plan->settings->is_connecting;
}

int64_t load_stop_ns(const struct load_worker *worker)
{
	return atomic_load_explicit(&worker->plan->stop_ns, memory_order_relaxed);
}

int64_t load_timeout_ns(const struct load_worker *worker)
{
	int64_t timeout_ms = worker->plan->request->timeout_ms;

	return timeout_ms == 0 ? INT64_MAX : timeout_ms * MS;
}

double load_gap_ns(const struct load_worker *worker)
{
	const struct rate *rate = &worker->plan->settings->rate;

	return (double)rate->period_ms * (double)MS / (double)rate->count *
	       (double)worker->plan->settings->threads;
}

int64_t load_due_ns(const struct load_worker *worker, uint64_t k)
{
	double gap = load_gap_ns(worker);
	double offset = gap / (double)worker->plan->settings->threads * (double)worker->number;

	return worker->plan->start_ns + (int64_t)(offset + gap * (double)k);
}

bool load_may_begin(const struct load_worker *worker)
{
	return worker->begun < worker->allowed && worker->now_ns < load_stop_ns(worker);
}

bool load_is_interrupted(const struct load_worker *worker)
{
	return atomic_load_explicit(&worker->plan->is_interrupted, memory_order_relaxed);
}

bool load_is_too_late(const struct load_worker *worker)
{
	int64_t patience_ns = load_timeout_ns(worker), stop = load_stop_ns(worker);

	if (load_is_interrupted(worker) && patience_ns > LOAD_INTERRUPTED_MS * MS)
		patience_ns = LOAD_INTERRUPTED_MS * MS;
	return worker->now_ns > stop && worker->now_ns - stop > patience_ns;
}

bool load_may_begin_paced(const struct load_worker *worker)
{
	return worker->begun < worker->allowed && !load_is_too_late(worker) &&
	       load_due_ns(worker, worker->begun) < load_stop_ns(worker);
}
