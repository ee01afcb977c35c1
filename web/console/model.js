/**
 * What the administrator's view speaks in, as `docs/protocol.md` tells it. Types alone; nothing here runs.
 *
 * @module
 */

/** @import {By, Device, Session} from "../sdk/model.js" */

/**
 * Times are RFC 3339, UTC.
 * @typedef {object} Happening an event of the log
 * @property {string} id
 * @property {string} time
 * @property {string} type
 * @property {string | null} user
 * @property {string | null} session
 * @property {string | null} actor `user:<id>` or `key:<name>`
 * @property {string | null} [actor_session]
 * @property {string | null} reason
 * @property {By | null} by
 * @property {{session: string, reason: string}[]} ended
 * @property {string | null} note
 * @property {string | null} ip
 * @property {Device | null} device
 */

/** @typedef {Pick<Session, "id" | "node" | "connections" | "last_seen_at">} SessionPresence how a session is connected now */

/** @typedef {{rank: number | null, takeovers: number}} Standing how often a user was taken over in a period; null: not known just now */

/**
 * @typedef {object} UserView
 * @property {string} user_id
 * @property {boolean} disabled
 * @property {string | null} disabled_at
 * @property {Session[]} sessions
 * @property {Happening[]} events
 * @property {{day: Standing | null, week: Standing | null}} contested
 */

/** @typedef {{user_id: string, disabled_at: string}} DisabledUser */

/** @typedef {{device: Device | null, ip: string | null}} Seat one side of a takeover */

/**
 * @typedef {object} Rival a contested user
 * @property {string} user_id
 * @property {number} takeovers
 * @property {number} rank
 * @property {{devices: number, addresses: number, last_at: string | null, pairs: {from: Seat, to: Seat, at: string}[]}} evidence
 */

/**
 * @typedef {object} Sample the figures of a node at one moment
 * @property {string} t
 * @property {number} connections
 * @property {number} sessions
 * @property {number | null} logins_per_s since the sample before
 * @property {number | null} takeovers_per_s
 * @property {number | null} takeover_p50_us null where there was none
 * @property {number | null} takeover_p99_us
 */

/**
 * @typedef {object} NodeFigures
 * @property {string} node
 * @property {string} name
 * @property {boolean} alive
 * @property {Sample[]} recent every 10 s, for an hour
 * @property {Sample[]} coarse every 5 min, for a day
 */

/**
 * @typedef {object} Stats
 * @property {string} now
 * @property {number} sessions
 * @property {number} connections
 * @property {{logins: number, takeovers: number}} per_s
 * @property {NodeFigures[]} nodes
 */

/**
 * @typedef {object} NodeView
 * @property {string} node
 * @property {string} name where it listens
 * @property {string} version
 * @property {string | null} started_at
 * @property {number} connections
 * @property {number} sessions
 * @property {string | null} last_renewal_at
 * @property {boolean} is_hearing
 * @property {number} store_silence_s
 * @property {boolean} draining
 * @property {boolean} fenced
 * @property {string} reported_at
 * @property {boolean} alive
 */

/**
 * What a server of the store says of itself; null for what it does not have.
 * @typedef {object} ServerView
 * @property {string} name
 * @property {string | null} version
 * @property {number | null} uptime_s
 * @property {number | null} memory_bytes
 * @property {number | null} memory_max_bytes 0: no limit
 * @property {number | null} disk_bytes
 * @property {number | null} clients
 * @property {number | null} commands_per_s
 * @property {number | null} hit_rate 0 to 1
 * @property {number | null} keys
 * @property {number | null} replicas
 * @property {number | null} replication_lag_bytes
 * @property {number | null} round_trip_us
 */

/**
 * @typedef {object} Threshold
 * @property {string} name
 * @property {string} [server] where it is worst
 * @property {number} value
 * @property {number} limit
 * @property {"ok" | "warn"} state
 */

/**
 * @typedef {object} StoreView
 * @property {string} description
 * @property {ServerView[]} servers
 * @property {string[]} faults each completes "the store …"
 * @property {string[]} warnings
 * @property {Threshold[]} thresholds
 */

/**
 * @typedef {object} Job
 * @property {string} id
 * @property {string | null} role
 * @property {boolean} everybody
 * @property {string | null} actor
 * @property {string | null} note
 * @property {"running" | "done" | "cancelled" | "failed"} state
 * @property {string} created_at
 * @property {string | null} finished_at
 * @property {number} seen
 * @property {number} ended
 * @property {number} total
 * @property {number} progress 0 to 1
 * @property {number} tries in a row that got it no further
 * @property {string | null} cause why the last of them failed
 * @property {string | null} node
 */

export {};
