/** What a rule of Traefik looks at. */
export interface Matchable {
  readonly host: string
  readonly method: string
  readonly path: string
  readonly header: (name: string) => readonly string[]
}

/** Reads the matchers of a Traefik rule that the recipes use, with `&&`, `||` and parentheses. */
export function readRule(rule: string): (request: Matchable) => boolean {
  const tokens = rule.match(/&&|\|\||[()]|[A-Za-z]+\((?:`[^`]*`(?:,\s*)?)+\)/g) ?? []
  let index = 0
  const either = (): ((request: Matchable) => boolean) => {
    let left = both()
    while (tokens[index] === '||') {
      index += 1
      const [first, second] = [left, both()]
      left = (request) => first(request) || second(request)
    }
    return left
  }
  const both = (): ((request: Matchable) => boolean) => {
    let left = one()
    while (tokens[index] === '&&') {
      index += 1
      const [first, second] = [left, one()]
      left = (request) => first(request) && second(request)
    }
    return left
  }
  const one = (): ((request: Matchable) => boolean) => {
    const token = tokens[index] ?? ''
    index += 1
    if (token !== '(') return matcher(token)
    const inner = either()
    index += 1
    return inner
  }
  return either()
}

function matcher(token: string): (request: Matchable) => boolean {
  const name = token.slice(0, token.indexOf('('))
  const [first = '', second = ''] = [...token.matchAll(/`([^`]*)`/g)].map(([, value]) => value ?? '')
  switch (name) {
    case 'Host':
      return ({ host }) => host.toLowerCase().replace(/:\d+$/, '') === first
    case 'Method':
      return ({ method }) => method === first
    case 'Path':
      return ({ path }) => path === first
    case 'PathPrefix':
      return ({ path }) => path.startsWith(first)
    case 'PathRegexp':
      return ({ path }) => new RegExp(first).test(path)
    case 'HeaderRegexp':
      return ({ header }) => header(first).some((value) => new RegExp(second).test(value))
    default:
      throw new Error(`The emulator does not know the matcher ${token}`)
  }
}
