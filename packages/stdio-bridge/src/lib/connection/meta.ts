import { member, metaKeys, type Span } from '@mcp-gateway/core/internal'
import { copy } from './numbers.js'

/** What the bridge reads in the `_meta` of a request's params. */
export interface RequestMeta {
  /** Where `_meta` is. */
  readonly meta?: Span
  /** Where the progress token is. */
  readonly progressToken?: Span
  readonly token?: Buffer
  readonly wantsLog: boolean
}

/** Reads `_meta`; the params are those of a request that is known in parts alone. */
export function metaOf(params: Buffer | undefined): RequestMeta {
  if (params === undefined) return { wantsLog: false }
  const meta = member(params, { start: 0, end: params.length }, '_meta')
  const progressToken = member(params, meta, 'progressToken')
  return {
    meta,
    progressToken,
    token: progressToken && copy(params, progressToken),
    wantsLog: member(params, meta, metaKeys.logLevel) !== undefined,
  }
}
