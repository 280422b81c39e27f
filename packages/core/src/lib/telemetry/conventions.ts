// The OpenTelemetry semantic conventions for MCP: repository semantic-conventions-genai, release 0.1.0, status Development

/** Bounds in seconds that the conventions ask of histograms of durations. */
export const durationBuckets: readonly number[] = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300]

/** What stands for a value that is not of a known set. */
export const other = '_OTHER'
