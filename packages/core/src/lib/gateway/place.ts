import type { Handler } from '../contract/handler.js'
import type { RequestRoute } from '../contract/request-record.js'
import type { ServedPath } from '../contract/served-path.js'
import type { NamedHost } from './hosts.js'

/** What answers at a path, and what the record of a request says of it. */
export interface Place {
  readonly handle: Handler
  /** Absent for probes: their requests are neither recorded nor logged. */
  readonly route?: RequestRoute
  /** Whether orchestrators ask it, every few seconds and until the end. */
  readonly isProbe?: boolean
}

/** A piece that knows its paths itself. */
export interface OwnPaths extends Place {
  /** Whether this request is for it; `undefined` where the piece does not tell. */
  match(request: Request, host: NamedHost): boolean | undefined
  /** What it answers, where it tells. */
  readonly paths?: () => readonly ServedPath[]
}
