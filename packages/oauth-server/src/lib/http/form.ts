import { isMediaType, Refusal } from '@mcp-gateway/core/internal'
import { readBody } from './read-body.js'

const maxParameters = 100

/** The parameters of a request, each at most once but for those that may repeat. */
export interface Parameters {
  /** The value; an empty one counts as absent (RFC 6749 section 3.1). */
  get(name: string): string | undefined
  /** Every value of a parameter that may repeat. */
  all(name: string): string[]
  /** Names that came more than once. */
  readonly repeated: ReadonlySet<string>
}

/** Sorts parameters out. */
export function parameters(source: URLSearchParams): Parameters {
  const sorted = new SortedParameters()
  for (const [name, value] of source) sorted.add(name, value)
  return sorted
}

class SortedParameters implements Parameters {
  readonly repeated: Set<string> = new Set()
  readonly #first = new Map<string, string>()
  /** What came after the first value of a name, which is rare. */
  readonly #more: (readonly [name: string, value: string])[] = []

  add(name: string, value: string): void {
    if (this.#first.size + this.#more.length === maxParameters) {
      throw new Refusal(400, 'invalid_request', `More than ${maxParameters} parameters`)
    }
    if (this.#first.has(name)) {
      this.repeated.add(name)
      this.#more.push([name, value])
    } else this.#first.set(name, value)
  }

  get(name: string): string | undefined {
    return this.#first.get(name) || undefined
  }

  all(name: string): string[] {
    const values = [this.#first.get(name), ...this.#more.filter(([other]) => other === name).map(([, value]) => value)]
    return values.filter((value) => value !== undefined && value !== '') as string[]
  }
}

/** Reads a form-encoded POST body (RFC 6749 section 3.2: nothing else is accepted). */
export async function readForm(request: Request): Promise<Parameters> {
  if (!isMediaType(request.headers.get('content-type'), 'application/x-www-form-urlencoded')) {
    const text = 'The Content-Type must be application/x-www-form-urlencoded, and its charset utf-8 if it names one'
    throw new Refusal(400, 'invalid_request', text)
  }
  return parameters(new URLSearchParams(await readBody(request)))
}

/** Refuses parameters that came twice (RFC 6749 section 3.2), but for those that may. */
export function refuseRepeated(form: Parameters, allowed: readonly string[] = []): void {
  for (const name of form.repeated) {
    if (!allowed.includes(name)) {
      throw new Refusal(400, 'invalid_request', `${parameterName(name)} was sent more than once`)
    }
  }
}

/** How an error names a parameter: by what a parameter can be called, and never by all that somebody wrote. */
export function parameterName(name: string): string {
  return /^[\w.-]{1,40}$/.test(name) ? `The parameter ${name}` : 'A parameter'
}
