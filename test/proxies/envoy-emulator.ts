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
import { at, listAt, readYaml, textAt, type Yaml } from './yaml-document.js'

const filter = 'envoy.filters.http.ext_authz'

/**
 * Stands in for Envoy, which cannot be had where the tests run: virtual hosts, their routes in order and the HTTP service of `ext_authz`,
 * written from its documentation and source, reading the recipe. It is not Envoy, and proves nothing about its bugs.
 */
export const envoyEmulator: ProxyKind = {
  name: 'the Envoy emulator',
  dialect: 'ext-authz',
  missing: () => (findProgram('openssl') === undefined ? 'not installed: openssl' : undefined),
  start: (front, { forwardAuth, notes, files, wiki }) => {
    const recipe = readYaml(
      readRecipe('envoy/envoy.yaml', [
        ['http://127.0.0.1:9100', `http://127.0.0.1:${forwardAuth}`],
        ['port_value: 9100', `port_value: ${forwardAuth}`],
        ['port_value: 3000', `port_value: ${notes}`],
        ['port_value: 3001', `port_value: ${files}`],
        ['port_value: 3002', `port_value: ${wiki}`],
        ['domains: [mcp.example.com]', 'domains: [localhost]'],
        ['domains: [wiki.example.com]', `domains: [${otherHost}]`],
        ['port_value: 443', `port_value: ${front.port}`],
      ]),
    )
    return startEmulator(front.port, envoy(at(recipe, 'static_resources')))
  },
}

function envoy(resources: Yaml): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const manager = at(resources, 'listeners', 0, 'filter_chains', 0, 'filters', 0, 'typed_config')
  const hosts = listAt(manager, 'route_config', 'virtual_hosts')
  const withPort = textAt(manager, 'route_config', 'ignore_port_in_host_matching') !== 'true'
  const authz = at(
    listAt(manager, 'http_filters').find((entry) => textAt(entry, 'name') === filter),
    'typed_config',
  )
  const clusters = new Map(
    listAt(resources, 'clusters').map((cluster) => {
      const endpoint = at(cluster, 'load_assignment', 'endpoints', 0, 'lb_endpoints', 0, 'endpoint', 'address')
      return [textAt(cluster, 'name'), `http://127.0.0.1:${textAt(endpoint, 'socket_address', 'port_value')}`]
    }),
  )

  return async (request, response) => {
    const target = normalise(request.url ?? '/')
    let lines = linesOf(request)
    // headers_with_underscores_action and path_with_escaped_slashes_action: REJECT_REQUEST
    if (target === undefined || lines.some(([name]) => name.includes('_'))) {
      return reply(response, { status: 400, headers: [], body: '' })
    }
    // Envoy applies what Connection lists before any filter runs, and sets its own view of the peer
    const listed = valuesOf(lines, 'connection').flatMap((value) => value.split(',').map((name) => name.trim()))
    lines = withLine(without(lines, [...hopByHop, ...listed]), 'x-forwarded-for', request.socket.remoteAddress ?? '')
    lines = withLine(lines, 'x-forwarded-proto', 'https')
    const host = (request.headers.host ?? '').toLowerCase()
    const name = withPort ? host : host.replace(/:\d+$/, '')
    const virtual =
      hosts.find((entry) => listAt(entry, 'domains').includes(name)) ??
      hosts.find((entry) => listAt(entry, 'domains').includes('*'))
    const route = listAt(virtual, 'routes').find((entry) =>
      matches(at(entry, 'match'), target, request.method ?? '', lines),
    )
    let finish = (answer: Lines) => answer
    if (textAt(route, 'typed_per_filter_config', filter, 'disabled') !== 'true') {
      const answer = await check(authz, request.method ?? '', target, lines)
      if (answer.status !== 200) return reply(response, denial(authz, answer))
      const upstream = pick(
        answer.headers,
        at(authz, 'http_service', 'authorization_response', 'allowed_upstream_headers'),
      )
      lines = upstream.reduce((set, [name, value]) => withLine(set, name, value), lines)
      const success = at(authz, 'http_service', 'authorization_response', 'allowed_client_headers_on_success')
      const added = pick(answer.headers, success)
      finish = (given) => added.reduce((set, [name, value]) => withLine(set, name, value), given)
    }
    const direct = textAt(route, 'direct_response', 'status')
    if (route === undefined || direct !== '') {
      return reply(response, { status: Number(direct || 404), headers: [], body: '' })
    }
    lines = without(lines, listAt(route, 'request_headers_to_remove').map(String))
    const cluster = clusters.get(textAt(route, 'route', 'cluster')) ?? ''
    forward(cluster, target, lines, request, response, finish)
  }
}

/** `normalize_path` and `merge_slashes`; `undefined` for an escaped slash. */
function normalise(target: string): string | undefined {
  const [path = '', ...query] = target.split('?')
  if (/%2f|%5c/i.test(path) || path.includes('#')) return undefined
  const { pathname } = new URL(`http://localhost${path}`)
  return [pathname.replaceAll(/\/{2,}/g, '/'), ...query].join('?')
}

function matches(match: Yaml, target: string, method: string, lines: Lines): boolean {
  const path = target.split('?', 1)[0] ?? ''
  const regex = textAt(match, 'safe_regex', 'regex')
  const separated = textAt(match, 'path_separated_prefix')
  const prefix = textAt(match, 'prefix')
  if (regex !== '' && !new RegExp(regex).test(path)) return false
  if (separated !== '' && path !== separated && !path.startsWith(`${separated}/`)) return false
  if (prefix !== '' && !path.startsWith(prefix)) return false
  return listAt(match, 'headers').every((header) => {
    const name = textAt(header, 'name')
    const values = name === ':method' ? [method] : valuesOf(lines, name)
    const exact = textAt(header, 'string_match', 'exact')
    return exact === '' ? values.length > 0 : values.includes(exact)
  })
}

/** The HTTP service of `ext_authz`: original method and path, few headers, no body. */
async function check(
  authz: Yaml,
  method: string,
  target: string,
  lines: Lines,
): Promise<Awaited<ReturnType<typeof ask>>> {
  const service = at(authz, 'http_service')
  // These go along always
  const always = lines.filter(([name]) => /^(?:host|authorization)$/i.test(name))
  const added: Lines = listAt(service, 'authorization_request', 'headers_to_add').map((entry) => [
    textAt(entry, 'key'),
    textAt(entry, 'value'),
  ])
  const copied = without(pick(lines, at(authz, 'allowed_headers')), [...added.map(([name]) => name), 'host'])
  const url = textAt(service, 'server_uri', 'uri') + textAt(service, 'path_prefix') + target
  const asked: Lines = [...always, ...copied, ...added, ['content-length', '0']]
  return ask(url, method, asked).catch(() => ({ status: 503, headers: [], body: '' }))
}

/** A 5xx becomes `status_on_error`; every other answer goes to the client, with the headers that are listed. */
function denial(authz: Yaml, answer: Awaited<ReturnType<typeof ask>>): Awaited<ReturnType<typeof ask>> {
  if (answer.status >= 500) {
    const status = textAt(authz, 'status_on_error', 'code') === 'ServiceUnavailable' ? 503 : 403
    return { status, headers: [], body: '' }
  }
  const listed = pick(answer.headers, at(authz, 'http_service', 'authorization_response', 'allowed_client_headers'))
  const always = answer.headers.filter(([name]) => /^(?:www-authenticate|location)$/i.test(name))
  return { ...answer, headers: [...listed, ...always] }
}

/** The headers whose name fits one of the patterns. */
function pick(lines: Lines, list: Yaml): Lines {
  const patterns = listAt(list, 'patterns')
  const names = new Set(patterns.map((pattern) => textAt(pattern, 'exact')))
  const regexes = patterns
    .map((pattern) => textAt(pattern, 'safe_regex', 'regex'))
    .filter((regex) => regex !== '')
    .map((regex) => new RegExp(`^(?:${regex})$`))
  return lines.filter(([given]) => {
    const name = given.toLowerCase()
    return names.has(name) || regexes.some((regex) => regex.test(name))
  })
}
