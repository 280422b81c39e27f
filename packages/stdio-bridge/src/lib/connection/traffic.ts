/** Counters that outlive a connection. */
export interface Traffic {
  requests: number
  rubbish: number
  unknownAnswers: number
  dropped: number
}
