// session_get and session_get_by_token in FROM, as a plan of their own.
#pragma once

namespace stash {

void install_session_scan();

}  // namespace stash
