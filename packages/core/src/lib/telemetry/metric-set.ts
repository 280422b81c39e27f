import { Counter, type CounterConfiguration, Gauge, Histogram, type Registry } from 'prom-client'
import { durationBuckets } from './conventions.js'
import { SeriesLimit } from './series-limit.js'

/** Makes metrics of one registry, each with a bounded number of series. */
export class MetricSet {
  readonly #registry: Registry
  readonly #max: number
  readonly #onOverflow: (name: string) => void
  readonly #hasExemplars: boolean

  constructor(registry: Registry, max: number, onOverflow: (name: string) => void) {
    this.#registry = registry
    this.#max = max
    this.#onOverflow = onOverflow
    this.#hasExemplars = registry.contentType.startsWith('application/openmetrics-text')
  }

  /** @returns adds one to the series with these values of its labels */
  counter(name: string, help: string, labels: readonly string[]): (...values: readonly string[]) => void {
    const counter = new Counter(this.#of(name, help, labels))
    const series = this.#limit(name, labels)
    return (...values) => counter.inc(series.of(...values))
  }

  /** @returns adds a number of seconds; the trace is told beside it where the registry can */
  durations(name: string, help: string, labels: readonly string[]): Observe {
    const histogram = new Histogram({
      ...this.#of(name, help, labels),
      buckets: [...durationBuckets],
      enableExemplars: this.#hasExemplars,
    })
    const series = this.#limit(name, labels)
    if (!this.#hasExemplars) return (value, _traceId, ...values) => histogram.observe(series.of(...values), value)
    return (value, traceId, ...values) =>
      histogram.observe({
        labels: series.of(...values),
        value,
        ...(traceId !== undefined && { exemplarLabels: { trace_id: traceId } }),
      })
  }

  gauge(
    name: string,
    help: string,
    labels: readonly string[],
    collect?: (gauge: Gauge) => void | Promise<void>,
  ): Gauge {
    return new Gauge({
      ...this.#of(name, help, labels),
      ...(collect && {
        collect(this: Gauge) {
          return collect(this)
        },
      }),
    })
  }

  /** A counter that another piece counts. @param read its series, when metrics are read */
  counted(
    name: string,
    help: string,
    labels: readonly string[],
    read: () => Iterable<Counted> | Promise<Iterable<Counted>>,
  ): void {
    const config: CounterConfiguration<string> = {
      ...this.#of(name, help, labels),
      async collect(this: Counter) {
        const series = await read()
        this.reset()
        for (const { labels: of, value } of series) this.inc(of, value)
      },
    }
    new Counter(config)
  }

  #of(name: string, help: string, labels: readonly string[]) {
    return { name, help, labelNames: [...labels], registers: [this.#registry] }
  }

  #limit(name: string, labels: readonly string[]): SeriesLimit<string> {
    return new SeriesLimit(labels, this.#max, () => this.#onOverflow(name))
  }
}

/** Adds a duration in seconds to the series with these values of its labels. */
export type Observe = (seconds: number, traceId: string | undefined, ...values: readonly string[]) => void

/** A series that another piece counts. */
export interface Counted {
  readonly labels: Record<string, string>
  readonly value: number
}
