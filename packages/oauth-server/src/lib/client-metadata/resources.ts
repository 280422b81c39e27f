/** The resources that tokens can be for (RFC 8707), by the strings that were configured. */
export interface Resources {
  add(resource: string): void
  /** The configured spelling of what a client wrote, or `undefined` if we issue no token for it. */
  canonical(requested: string): string | undefined
  /** The resource that is meant when none is named: the only one. */
  readonly sole: string | undefined
  list(): readonly string[]
}

export function createResources(initial: readonly string[]): Resources {
  const byForm = new Map<string, string>()
  const add = (resource: string): void => {
    byForm.set(comparable(resource) ?? resource, resource)
  }
  for (const resource of initial) add(resource)
  return {
    add,
    canonical(requested) {
      const form = comparable(requested)
      if (form === undefined) return undefined
      const exact = byForm.get(form)
      if (exact !== undefined) return exact
      // Some clients ask for the origin of the one server that they know.
      const [only, another] = byForm.keys()
      return another === undefined && only?.startsWith(`${form}/`) && /^https?:\/\/[^/?]+$/.test(form)
        ? byForm.get(only)
        : undefined
    },
    get sole() {
      const [first, second] = byForm.values()
      return second === undefined ? first : undefined
    },
    list: () => [...byForm.values()],
  }
}

/** Scheme and host in lower case, an empty path for `/` (RFC 3986 section 6.2.2.1 and 6.2.3); the rest as it is. */
function comparable(resource: string): string | undefined {
  const parts = /^(https?:\/\/[^/?#@\s]+)(\/[^#\s]*|\?[^#\s]*)?$/i.exec(resource)
  if (!parts?.[1]) return undefined
  const rest = parts[2] ?? ''
  return parts[1].toLowerCase() + (rest === '/' ? '' : rest)
}
