/** Who or what a question of AuthZEN is about (AuthZEN 1.0 sections 5.1 and 5.3). */
export interface AuthZenEntity {
  readonly type: string
  readonly id: string
  readonly properties?: Readonly<Record<string, unknown>>
}

/** A question to a policy decision point: an access evaluation request (AuthZEN 1.0 section 6.1). */
export interface AuthZenEvaluation {
  readonly subject: AuthZenEntity
  readonly action: { readonly name: string; readonly properties?: Readonly<Record<string, unknown>> }
  readonly resource: AuthZenEntity
  readonly context?: Readonly<Record<string, unknown>>
}
