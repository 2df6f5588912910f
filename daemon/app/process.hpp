#pragma once

namespace callhook::app {

/// Sees to it that a crash of this process leaves no core dump: its memory holds secrets and personal data.
/// For other processes of the same user it also becomes unreadable.
void forbid_core_dumps();

/// From now on the calling thread, and those that it starts, get less of the processor than the others of
/// this process where there are not enough of them for all.
void give_way_to_other_threads();

}  // namespace callhook::app
