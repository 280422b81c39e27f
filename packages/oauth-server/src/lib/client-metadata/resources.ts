import { displayText } from '@mcp-gateway/core/internal'

/** A resource with what people call it. */
export interface NamedResource {
  /** As clients write it. */
  readonly url: string
  /** For people, on the pages. */
  readonly name: string
}

/** The resources that tokens can be for (RFC 8707), by the strings that were configured. */
export interface Resources {
  /**
   * @param name what people call it
   * @param isImplied whether it can be meant by who names none
   */
  add(resource: string, name?: string, isImplied?: boolean): void
  /** What people call one, or its URL without the scheme. */
  nameOf(resource: string): string
  /** The configured spelling of what a client wrote, or `undefined` if we issue no token for it. */
  canonical(requested: string): string | undefined
  /** The resource that is meant when none is named: the only one that can be. */
  readonly sole: string | undefined
  list(): readonly string[]
}

/** Keeps the resources. What the gateway serves at an address, with one more slash or without, is one resource. */
export function createResources(initial: readonly (string | NamedResource)[]): Resources {
  const names = new Map<string, string>()
  const byForm = new Map<string, string>()
  /** The same without a slash at the end of the path; the first that has a form keeps it. */
  const withoutSlash = new Map<string, string>()
  /** What can be meant without its name. */
  const implied = new Map<string, string>()
  const add = (resource: string, name?: string, isImplied = true): void => {
    if (name !== undefined) names.set(resource, name)
    const form = comparable(resource) ?? resource
    const short = trimSlash(form)
    if (!withoutSlash.has(short) || withoutSlash.get(short) === byForm.get(form)) withoutSlash.set(short, resource)
    byForm.set(form, resource)
    if (isImplied) implied.set(form, resource)
  }
  for (const each of initial) {
    if (typeof each === 'string') add(each)
    else add(each.url, each.name)
  }
  return {
    add,
    nameOf: (resource) => displayText(names.get(resource) ?? '') || resource.replace(/^https?:\/\//i, ''),
    canonical(requested) {
      const form = comparable(requested)
      if (form === undefined) return undefined
      const found = byForm.get(form) ?? withoutSlash.get(trimSlash(form))
      if (found !== undefined) return found
      // Some clients ask for the origin of the one server that they know.
      const [only, another] = implied.keys()
      return another === undefined && only?.startsWith(`${form}/`) && /^https?:\/\/[^/?]+$/.test(form)
        ? byForm.get(only)
        : undefined
    },
    get sole() {
      const [first, second] = implied.values()
      return second === undefined ? first : undefined
    },
    list: () => [...byForm.values()],
  }
}

const parts = /^(https?:\/\/[^/?#@\s]+)(\/[^#\s]*|\?[^#\s]*)?$/i

/**
 * Scheme and host in lower case, without the scheme's own port, an empty path for `/` (RFC 3986 section 6.2.2.1 and 6.2.3);
 * the rest as it is.
 */
function comparable(resource: string): string | undefined {
  const [, before, rest = ''] = parts.exec(resource) ?? []
  if (before === undefined) return undefined
  const origin = before.toLowerCase()
  const port = origin.startsWith('https:') ? ':443' : ':80'
  return (origin.endsWith(port) ? origin.slice(0, -port.length) : origin) + (rest === '/' ? '' : rest)
}

/** Without one slash at the end of the path. */
function trimSlash(form: string): string {
  return form.replace(/([^/])\/(?=\?|$)/, '$1')
}
