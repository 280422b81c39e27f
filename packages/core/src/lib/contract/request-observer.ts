import type { Check } from './check.js'
import type { Middleware } from './handler.js'
import type { RequestRecord } from './request-record.js'

/** Hears of each request, once, when its answer begins. */
export type Observe = (record: RequestRecord) => void

/**
 * A piece that hears of requests and has more to it than a function, such as what `createAudit` returns. Only `observe` is
 * asked everywhere; `middleware`, `check` and `close` are used by a gateway, which has servers and a lifetime.
 */
export interface RequestObserver {
  readonly observe: Observe
  /** Called when a request arrives; of each of them `observe` is called later. What it throws is logged. */
  readonly begin?: Observe
  /** What `/ready` calls it; needed where there is a `check`. */
  readonly name?: string
  /**
   * Called after `observe`, before the answer leaves: the answer waits for it. It may give another in its place, as where
   * what was observed could not be kept.
   */
  readonly hold?: (record: RequestRecord, answer: Response) => Response | Promise<Response>
  /** Stands in front of each server, directly behind the reader of messages: it sees arguments and answers. */
  readonly middleware?: Middleware
  readonly check?: Check
  /** Called when no request is under way any more. */
  readonly close?: () => Promise<void>
}

/** Who hears of requests: a function, a piece, or several of them. */
export type ObserveOption = Observe | RequestObserver | readonly (Observe | RequestObserver)[]

/** The observers of an option, as a list. */
export function observersOf(option: ObserveOption | undefined): readonly RequestObserver[] {
  if (option === undefined) return []
  const all = Array.isArray(option) ? (option as readonly (Observe | RequestObserver)[]) : [option as Observe]
  return all.map((one) => (typeof one === 'function' ? { observe: one } : one))
}
