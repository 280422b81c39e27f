/** What a bridge is doing and has done, for telemetry. Holds no names and no content. */
export interface BridgeStats {
  /** Processes that exist, those that are being stopped included. */
  readonly children: number
  /** Processes that wait for a session. */
  readonly prewarmed: number
  /** Legacy sessions. */
  readonly sessions: number
  /** Requests that wait for their responses. */
  readonly inFlight: number
  /** Calls of modern clients that wait in a legacy server until their clients reply to its questions. */
  readonly parkedCalls: number
  /** Processes started so far. */
  readonly spawned: number
  /** Processes that could not be started, or ended before their first response. */
  readonly failedStarts: number
  /** Processes that ended although nobody asked them to. */
  readonly crashed: number
  /** Requests passed to a child so far. */
  readonly requests: number
  /** Lines on stdout that were not a message. */
  readonly invalidLines: number
  /** Responses that no request was waiting for. */
  readonly unmatchedResponses: number
  /** Notifications of a shared process that nobody could be shown. */
  readonly dropped: number
}
