/** The two eras of MCP: `legacy` up to revision 2025-11-25, `modern` from 2026-07-28. */
export type Era = 'legacy' | 'modern'

/** What differs from one protocol revision to another, as far as a gateway has to know. */
export interface Revision {
  /** Its name, which is a date. */
  readonly version: string
  /** Which adapters of `core/eras` speak it. */
  readonly era: Era
  /** Whether a POST may have several messages (MCP L1). */
  readonly hasBatches: boolean
  /** Whether clients understand an event without content (MCP L3). */
  readonly hasEmptyEvents: boolean
  /** How a server asks a client to open a URL: not at all, or in an elicitation with an id, or in one without. */
  readonly urlElicitation: 'none' | 'with-id' | 'without-id'
}

/** Every published revision, the newest first. A new one is added here, and nowhere else where its era is known. */
const revisions: readonly Revision[] = [
  {
    version: '2026-07-28',
    era: 'modern',
    hasBatches: false,
    hasEmptyEvents: true,
    urlElicitation: 'without-id',
  },
  {
    version: '2025-11-25',
    era: 'legacy',
    hasBatches: false,
    hasEmptyEvents: true,
    urlElicitation: 'with-id',
  },
  {
    version: '2025-06-18',
    era: 'legacy',
    hasBatches: false,
    hasEmptyEvents: false,
    urlElicitation: 'none',
  },
  {
    version: '2025-03-26',
    era: 'legacy',
    hasBatches: true,
    hasEmptyEvents: false,
    urlElicitation: 'none',
  },
  {
    version: '2024-11-05',
    era: 'legacy',
    hasBatches: false,
    hasEmptyEvents: false,
    urlElicitation: 'none',
  },
  {
    version: '2024-10-07',
    era: 'legacy',
    hasBatches: false,
    hasEmptyEvents: false,
    urlElicitation: 'none',
  },
]

const byVersion: ReadonlyMap<string, Revision> = new Map(revisions.map((one) => [one.version, one]))

/** All of them by name, the newest first. */
export const publishedVersions: readonly string[] = revisions.map(({ version }) => version)
/** Those of the modern era, the newest first. */
export const modernVersions: readonly string[] = versionsOf('modern')
/** Those of the legacy era, the newest first. */
export const legacyVersions: readonly string[] = versionsOf('legacy')
/** What the gateway itself speaks with a modern server. */
export const newestModern: string = modernVersions[0] as string
/** What the gateway itself proposes to a legacy server. */
export const newestLegacy: string = legacyVersions[0] as string
/** Where the modern era begins. */
export const firstModern: string = modernVersions.at(-1) as string
/** What a request without the header `MCP-Protocol-Version` is taken for (MCP L8). */
export const assumedVersion = '2025-03-26'

/** The newest modern revision of those that a server says it speaks (`supported` of its error, MCP M7). */
export function newestShared(supported: unknown): string | undefined {
  return Array.isArray(supported) ? modernVersions.find((version) => supported.includes(version)) : undefined
}

/** The era of a revision. One that is not published is modern where its date says so; what is not a date is legacy. */
export function eraOf(version: string): Era {
  const published = byVersion.get(version)
  if (published !== undefined) return published.era
  // Dates compare as text
  return /^\d{4}-\d{2}-\d{2}$/.test(version) && version >= firstModern ? 'modern' : 'legacy'
}

/** What is known of a revision. One that is not published, such as a draft, is taken for the last one before it. */
export function factsOf(version: string): Revision {
  const era = eraOf(version)
  return (revisions.find((one) => one.era === era && one.version <= version) ?? revisions.at(-1)) as Revision
}

function versionsOf(era: Era): string[] {
  return revisions.filter((one) => one.era === era).map(({ version }) => version)
}
