/** One rule that the gateway is measured by. */
export interface Requirement {
  /** Whether we claim to hold it. A claim needs a test whose title cites the id, and a cited id must be claimed. */
  held: boolean
  /** The page or RFC, and the section, that the rule comes from. */
  source: string
  /** The rule in our own words. */
  rule: string
}

/** Rules by id. Ids are stable: tests cite them in their titles, as `[M7]` or `[attack 34, attack 35]`. */
export type Requirements = Record<string, Requirement>
