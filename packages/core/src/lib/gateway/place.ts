import type { Handler } from '../contract/handler.js'
import type { RequestRoute } from '../contract/request-record.js'

/** What answers at a path, and what the record of a request says of it. */
export interface Place {
  readonly handle: Handler
  readonly route?: RequestRoute
}

/** A piece that knows its paths itself. */
export interface OwnPaths extends Place {
  /** Whether the path of this request is one of them; `undefined` where the piece does not tell. */
  match(request: Request): boolean | undefined
}
