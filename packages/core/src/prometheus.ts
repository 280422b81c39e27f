export { type AddressCheckOptions, addressCheck } from './lib/http/address-check.js'
export { createMetrics, type Metrics } from './lib/telemetry/create-metrics.js'
export type { AuditCounts, MetricsBridge, MetricsOptions, MetricsPart } from './lib/telemetry/metrics-options.js'
