/** Counters that outlive a connection. */
export interface Traffic {
  requests: number
  invalidLines: number
  unmatchedResponses: number
  dropped: number
}
