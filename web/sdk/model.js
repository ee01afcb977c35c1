/**
 * The shapes that Hotseat speaks in, as `docs/protocol.md` tells them. Types alone; nothing here runs.
 *
 * @module
 */

/**
 * What a session runs on.
 * @typedef {"desktop" | "mobile" | "tablet" | "tv" | "console" | "api" | "other"} DeviceClass
 */

/**
 * @typedef {object} Device
 * @property {string} id
 * @property {string} name what people call it, such as "Firefox 128 on Windows"
 * @property {DeviceClass} class
 */

/**
 * One login on one device. Times are RFC 3339, UTC. In a `seats-full` error `data` and `roles` are left out.
 * @typedef {object} Session
 * @property {string} id
 * @property {string} user_id
 * @property {Device} device
 * @property {string} user_agent in short form
 * @property {string | null} ip
 * @property {string[]} [roles]
 * @property {unknown} [data]
 * @property {string | null} node the node of its latest connection
 * @property {number} connections
 * @property {string} created_at
 * @property {string} last_seen_at
 * @property {string} expires_at
 * @property {number} generation rises with every login of the user
 */

/**
 * By whom a session was ended.
 * @typedef {object} By
 * @property {string} session_id
 * @property {Device} device
 * @property {string | null} ip whole, masked or null, as the server is configured
 */

/**
 * Why a session ended. The last two come from the client: its token is unknown to the server, or the two do
 * not speak the same protocol.
 * @typedef {"takeover" | "replaced" | "kicked" | "disabled" | "expired" | "idle" | "logout"
 *   | "invalid-token" | "protocol"} EndReason
 */

/**
 * What is known about the end of a session.
 * @typedef {object} End
 * @property {EndReason} reason
 * @property {string | null} at when, or null where the server's word was lost
 * @property {By | null} by the newer session of a takeover, the asking one of a logout
 * @property {string} message one English sentence for logs; pages word it by `reason`
 */

/**
 * What the server says first.
 * @typedef {object} Welcome
 * @property {Session} session
 * @property {string} server_time
 * @property {number} heartbeat_s
 */

/**
 * `idle`: nobody is signed in, or `connect` was not called. `connecting`: a handshake is under way. `live`:
 * the server has said welcome. `waiting`: the next attempt is at `retryAt`. `ended`: the session is over, and
 * only a new login helps.
 * @typedef {"idle" | "connecting" | "live" | "waiting" | "ended"} State
 */

/**
 * All that the tabs of a browser agree on.
 * @typedef {object} Snapshot
 * @property {State} state
 * @property {Welcome | null} welcome the latest
 * @property {End | null} end set in `ended` alone
 * @property {number | null} retryAt set in `waiting` alone: milliseconds since 1970
 */

/**
 * A word from the operator to the people.
 * @typedef {object} Notice
 * @property {string} level
 * @property {string} text
 */

/**
 * The node goes away and closes soon. The SDK comes back by itself, one to two times that later at the earliest; a
 * page need only not be surprised.
 * @typedef {object} Restarting
 * @property {number} retry_after_ms
 */

/**
 * @typedef {object} LoginOptions
 * @property {{name?: string, class?: DeviceClass}} [device] what the user agent does not tell
 * @property {string[]} [replace] the sessions to end, where the server lets the user choose
 * @property {boolean} [confirm] wait until the ended devices were told, at most 1 s
 */

/**
 * @typedef {object} LoginAnswer
 * @property {Session} session
 * @property {Session[]} replaced the sessions that this login ended
 * @property {"none" | "sent" | "confirmed"} takeover
 */

/**
 * How to sign in again in an app that has its own login: resolves to the token that its login API got from
 * Hotseat, or to nothing when the cookie is already set.
 * @typedef {() => Promise<string | void>} AppLogin
 */

/**
 * @typedef {object} HotseatOptions
 * @property {string | URL} [url] where Hotseat is served; the page's own origin by default
 * @property {string | (() => string)} [token] a session token, where there is no cookie; such a tab shares nothing
 * @property {AppLogin} [login] how `useHere` signs in again
 * @property {import("./platform.js").Platform} [platform] for tests
 */

/**
 * The events of a `Hotseat`.
 * @typedef {object} HotseatEvents
 * @property {CustomEvent<Welcome>} welcome connected, for the first time or again
 * @property {CustomEvent<End>} forceLogout out, and why
 * @property {CustomEvent<Notice>} notice
 * @property {CustomEvent<Restarting>} restarting the node is about to go; `state` follows when it has
 * @property {CustomEvent<Snapshot>} state
 */

export {};
