import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  ask,
  forward,
  hopByHop,
  type Lines,
  linesOf,
  reply,
  startEmulator,
  valuesOf,
  withLine,
  without,
} from './emulator.js'
import { findProgram } from './process.js'
import { otherHost, type ProxyKind } from './real-proxies.js'
import { readRecipe } from './recipe.js'
import { readRule } from './traefik-rule.js'
import { at, listAt, readYaml, textAt, type Yaml } from './yaml-document.js'

/** Headers that the entry point removes from what strangers send, whatever they put in place of the hyphens. */
const managed =
  /^x[-_](?:forwarded[-_](?:proto|scheme|for|host|port|server|uri|method|prefix|tls[-_]client[-_]cert(?:[-_]info)?)|scheme|real[-_]ip)$/i

/**
 * Stands in for Traefik 3.7, which cannot be had where the tests run: routers by priority, `forwardAuth`, `headers` and
 * `ipAllowList`, written from its documentation and source, reading the recipe. It is not Traefik, and proves nothing about its bugs.
 */
export const traefikEmulator: ProxyKind = {
  name: 'the Traefik emulator',
  dialect: 'forwarded',
  missing: () => (findProgram('openssl') === undefined ? 'not installed: openssl' : undefined),
  start: (front, { forwardAuth, notes, files, wiki }) => {
    const recipe = readYaml(
      readRecipe('traefik/dynamic.yaml', [
        ['http://forward-auth:9100', `http://127.0.0.1:${forwardAuth}`],
        ['http://notes:3000', `http://127.0.0.1:${notes}`],
        ['http://files:3000', `http://127.0.0.1:${files}`],
        ['http://wiki:3000', `http://127.0.0.1:${wiki}`],
        ['Host(`mcp.example.com`)', 'Host(`localhost`)'],
        ['Host(`wiki.example.com`)', `Host(\`${otherHost}\`)`],
      ]),
    )
    return startEmulator(front.port, traefik(at(recipe, 'http')))
  },
}

function traefik(http: Yaml): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const routers = Object.values(at(http, 'routers') as Record<string, Yaml>)
    .map((router) => ({
      matches: readRule(textAt(router, 'rule')),
      priority: Number(textAt(router, 'priority')),
      middlewares: listAt(router, 'middlewares').map((name) => at(http, 'middlewares', String(name))),
      url: textAt(listAt(http, 'services', textAt(router, 'service'), 'loadBalancer', 'servers')[0], 'url'),
    }))
    .sort((a, b) => b.priority - a.priority)

  return async (request, response) => {
    const host = request.headers.host ?? ''
    const target = request.url ?? '/'
    let lines = enter(linesOf(request), host)
    const path = target.split('?', 1)[0] ?? ''
    const subject = { host, method: request.method ?? '', path, header: (name: string) => valuesOf(lines, name) }
    const router = routers.find(({ matches }) => matches(subject))
    if (router === undefined) return reply(response, { status: 404, headers: [], body: '404 page not found\n' })

    let finish = (answer: Lines) => answer
    for (const middleware of router.middlewares) {
      const status = textAt(middleware, 'ipAllowList', 'rejectStatusCode')
      // The lists of the recipe have nobody's address
      if (status !== '') return reply(response, { status: Number(status), headers: [], body: '' })
      const forwardAuth = at(middleware, 'forwardAuth')
      if (textAt(forwardAuth, 'address') !== '') {
        const asked = await forwardAuthenticate(forwardAuth, request, host, target, lines)
        if (!Array.isArray(asked)) return reply(response, asked)
        lines = asked
      }
      const headers = at(middleware, 'headers')
      for (const [name, value] of Object.entries(at(headers, 'customRequestHeaders') as Record<string, string>)) {
        lines = value === '' ? without(lines, [name]) : withLine(lines, name, value)
      }
      const origin = valuesOf(lines, 'origin')[0]
      finish = (answer) => nameOrigin(headers, origin, answer)
    }
    if (router.url === '') return reply(response, { status: 418, headers: [], body: '' })
    const outgoing = withLine(without(lines, hopByHop), 'X-Forwarded-For', request.socket.remoteAddress ?? '')
    forward(router.url, target, outgoing, request, response, finish)
  }
}

/** The entry point, with no trusted addresses. */
function enter(lines: Lines, host: string): Lines {
  const listed = valuesOf(lines, 'connection')
    .flatMap((value) => value.split(','))
    .map((name) => name.trim())
    .filter((name) => !managed.test(name))
  const kept = without(
    lines.filter(([name]) => !managed.test(name)),
    [...listed, 'connection'],
  )
  return [...kept, ['X-Forwarded-Proto', 'https'], ['X-Forwarded-Host', host], ['X-Forwarded-Port', '443']]
}

/** `forwardAuth` with `trustForwardHeader: false`: the request's headers for what comes next, or what the client gets. */
async function forwardAuthenticate(
  options: Yaml,
  request: IncomingMessage,
  host: string,
  target: string,
  lines: Lines,
): Promise<(readonly [string, string])[] | Awaited<ReturnType<typeof ask>>> {
  const own: Lines = [
    ['X-Forwarded-Method', request.method ?? ''],
    ['X-Forwarded-Proto', 'https'],
    ['X-Forwarded-Host', host],
    ['X-Forwarded-Uri', target],
    ['X-Forwarded-For', request.socket.remoteAddress ?? ''],
  ]
  const copied = without(lines, [...hopByHop, 'host', 'content-length']).filter(
    ([name]) => !/^x-forwarded-/i.test(name),
  )
  const answer = await ask(textAt(options, 'address'), 'GET', [...copied, ...own]).catch(() => undefined)
  if (answer === undefined) return { status: 500, headers: [], body: '' }
  if (answer.body.length > Number(textAt(options, 'maxResponseBodySize'))) return { status: 401, headers: [], body: '' }
  if (answer.status < 200 || answer.status > 299) return answer
  const names = listAt(options, 'authResponseHeaders').map(String)
  const set = names.flatMap((name) => valuesOf(answer.headers, name).map((value) => [name, value] as const))
  return [...without(lines, names), ...set]
}

function nameOrigin(headers: Yaml, origin: string | undefined, answer: Lines): Lines {
  const vary: Lines = textAt(headers, 'addVaryHeader') === 'true' ? [...answer, ['Vary', 'Origin']] : answer
  if (origin === undefined || !listAt(headers, 'accessControlAllowOriginList').includes(origin)) return vary
  const exposed = listAt(headers, 'accessControlExposeHeaders').join(',')
  return [
    ...without(vary, ['access-control-allow-origin', 'access-control-expose-headers']),
    ['Access-Control-Allow-Origin', origin],
    ['Access-Control-Expose-Headers', exposed],
  ]
}
