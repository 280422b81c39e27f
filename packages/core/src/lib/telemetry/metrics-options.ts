import type { Registry } from 'prom-client'
import type { Check } from '../contract/check.js'
import type { Logger } from '../contract/logger.js'
import {
  checkOptions,
  flag,
  type OptionTypes,
  optional,
  positive,
  recordOf,
  withMethods,
} from '../contract/option-types.js'
import { loggerType } from '../contract/shared-option-types.js'

/** What is measured of a bridge: what `createStdioBridge` returns. */
export interface MetricsBridge {
  readonly stats: () => {
    readonly children: number
    readonly inFlight: number
    readonly spawned: number
    readonly failedStarts: number
    readonly crashed: number
  }
  readonly sessions: () => Promise<readonly { readonly pid?: number; readonly memory?: number }[]>
}

/** What a sink of an audit has done, as `createAudit(…).stats()` tells it. */
export interface AuditCounts {
  readonly sink: string
  readonly queued: number
  readonly written: number
  readonly lost: number
  readonly isFailing: boolean
}

/** Something that the gateway depends on. */
export interface MetricsPart {
  readonly check: Check
}

/** What is measured beside requests, and how much may be kept of it. */
export interface MetricsOptions {
  /**
   * Where the metrics are registered. In a registry of the application's no metrics of the process are added, and exemplars are
   * told only if its content type is OpenMetrics.
   *
   * @default an OpenMetrics registry of its own
   */
  readonly registry?: Registry
  /**
   * Whether a registry of its own has the metrics of the process too: memory, CPU, garbage collection, the event loop.
   *
   * @default true
   */
  readonly processMetrics?: boolean
  /** Bridges, by what the label `server` calls them: their processes, with memory and CPU time (on Linux). */
  readonly bridges?: Readonly<Record<string, MetricsBridge>>
  /** The audit whose queues are told. */
  readonly audit?: { readonly stats: () => readonly AuditCounts[] }
  /**
   * Parts that are checked when metrics are read, at most every ten seconds, by what the label `part` calls them: a storage, a vault,
   * a policy engine. They have four seconds.
   */
  readonly parts?: Readonly<Record<string, MetricsPart>>
  /**
   * Names of tools of one server that stand in labels; those beyond are `_other`.
   *
   * @default 200
   */
  readonly maxTools?: number
  /**
   * Series of one metric; those beyond are counted in one whose labels are `_overflow`.
   *
   * @default 2000
   */
  readonly maxSeries?: number
  /**
   * Seconds after which a session that was not used counts as closed.
   *
   * @default 1800
   */
  readonly sessionTimeout?: number
  readonly logger?: Logger
}

const types: OptionTypes<MetricsOptions> = {
  registry: optional(withMethods('a Registry of prom-client', 'registerMetric', 'metrics')),
  processMetrics: optional(flag),
  bridges: optional(recordOf(withMethods('what createStdioBridge returns', 'stats', 'sessions'))),
  audit: optional(withMethods('what createAudit returns', 'stats')),
  parts: optional(recordOf(withMethods('an object with check', 'check'))),
  maxTools: optional(positive),
  maxSeries: optional(positive),
  sessionTimeout: optional(positive),
  logger: optional(loggerType),
}

/** @throws {GatewayError} `invalid_configuration` */
export function checkMetricsOptions(options: MetricsOptions): void {
  checkOptions('createMetrics', options, types)
}
