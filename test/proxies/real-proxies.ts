import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Dialect } from '@mcp-gateway/forward-auth'
import { freePort } from '../../scripts/free-port.mjs'
import { makeCertificate } from './certificate.js'
import { findProgram, type Running, startProgram, temporaryFolder } from './process.js'
import { readRecipe } from './recipe.js'

/** The loopback ports of what a proxy stands in front of. */
export interface Behind {
  readonly forwardAuth: number
  readonly notes: number
  readonly files: number
  readonly wiki: number
}

/** Where a proxy is reached. */
export interface Front {
  /** The port of `https://localhost`. */
  readonly port: number
  /** The port that redirects to it. */
  readonly plainPort: number
}

/** A reverse proxy that runs its recipe, on loopback. */
export interface ProxyKind {
  readonly name: string
  readonly dialect: Dialect
  /** Says why it cannot run here. */
  readonly missing: () => string | undefined
  readonly start: (front: Front, behind: Behind) => Promise<Running>
}

/** Ports for a proxy that is going to start. */
export async function pickFront(): Promise<Front> {
  return { port: await freePort(), plainPort: await freePort() }
}

function needs(...programs: string[]): () => string | undefined {
  return () => {
    const absent = programs.filter((program) => findProgram(program) === undefined)
    return absent.length === 0 ? undefined : `not installed: ${absent.join(', ')}`
  }
}

/** The other host of the recipes, in tests. */
export const otherHost = 'other.test'

function upstreams({ forwardAuth, notes, files, wiki }: Behind): [string, string][] {
  return [
    ['127.0.0.1:9100', `127.0.0.1:${forwardAuth}`],
    ['127.0.0.1:3000', `127.0.0.1:${notes}`],
    ['127.0.0.1:3001', `127.0.0.1:${files}`],
    ['127.0.0.1:3002', `127.0.0.1:${wiki}`],
  ]
}

function certificates(certificate: string, key: string): [string, string][] {
  return ['mcp', 'wiki'].flatMap((name) => [
    [`/etc/ssl/${name}.example.com.crt`, certificate],
    [`/etc/ssl/${name}.example.com.key`, key],
  ])
}

/** @param before what stands before a name that is matched */
function hosts(before: string, { port }: Front): [string, string][] {
  return [
    ['https://mcp.example.com', `https://localhost:${port}`],
    ['https://wiki.example.com', `https://${otherHost}:${port}`],
    [`${before}mcp.example.com`, `${before}localhost`],
    [`${before}wiki.example.com`, `${before}${otherHost}`],
  ]
}

const nginx: ProxyKind = {
  name: 'nginx',
  dialect: 'original',
  missing: needs('nginx', 'openssl'),
  start: (front, behind) => {
    const folder = temporaryFolder('nginx')
    const { certificate, key } = makeCertificate(folder)
    const snippet = join(folder, 'forward-auth.conf')
    copyFileSync(join(import.meta.dirname, '../../packages/forward-auth/recipes/nginx/forward-auth.conf'), snippet)
    const recipe = readRecipe('nginx/mcp.example.com.conf', [
      ...upstreams(behind),
      ['/etc/nginx/forward-auth.conf', snippet],
      ['listen 80', `listen 127.0.0.1:${front.plainPort}`],
      ['listen 443 ssl', `listen 127.0.0.1:${front.port} ssl`],
      ...certificates(certificate, key),
      ...hosts('server_name ', front),
    ])
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${kind};`)
    const main = 'daemon off; master_process off; pid nginx.pid; error_log stderr warn; events {}'
    writeFileSync(join(folder, 'nginx.conf'), `${main}\nhttp { access_log off; ${temporary.join(' ')}\n${recipe}\n}\n`)
    const args = ['-p', folder, '-e', 'stderr', '-c', join(folder, 'nginx.conf')]
    return startProgram(findProgram('nginx') ?? 'nginx', args, { folder, port: front.port })
  },
}

const caddy: ProxyKind = {
  name: 'Caddy',
  dialect: 'forwarded',
  missing: needs('caddy', 'openssl'),
  start: (front, behind) => {
    const folder = temporaryFolder('caddy')
    const { certificate, key } = makeCertificate(folder)
    const recipe = readRecipe('caddy/Caddyfile', [
      ...upstreams(behind),
      ['admin off', `admin off\n\tdefault_bind 127.0.0.1\n\thttp_port ${front.plainPort}\n\thttps_port ${front.port}`],
      [':80 {', `:${front.plainPort} {`],
      [':443 {', `:${front.port} {`],
      ...certificates(certificate, key),
      ['http://mcp.example.com {', `http://localhost:${front.plainPort} {`],
      ['http://wiki.example.com {', `http://${otherHost}:${front.plainPort} {`],
      ['https://mcp.example.com', `https://localhost:${front.port}`],
      ['https://wiki.example.com', `https://${otherHost}:${front.port}`],
    ])
    writeFileSync(join(folder, 'Caddyfile'), recipe)
    return startProgram(findProgram('caddy') ?? 'caddy', ['run', '--config', 'Caddyfile', '--adapter', 'caddyfile'], {
      folder,
      port: front.port,
      env: { XDG_DATA_HOME: join(folder, 'data'), XDG_CONFIG_HOME: join(folder, 'config') },
    })
  },
}

const haproxy: ProxyKind = {
  name: 'HAProxy',
  dialect: 'forwarded',
  missing: needs('haproxy', 'openssl'),
  start: (front, behind) => {
    const folder = temporaryFolder('haproxy')
    const { both } = makeCertificate(folder)
    mkdirSync(join(folder, 'lua'))
    const script = join(folder, 'lua/forward-auth.lua')
    copyFileSync(join(import.meta.dirname, '../../packages/forward-auth/recipes/haproxy/forward-auth.lua'), script)
    const recipe = readRecipe('haproxy/haproxy.cfg', [
      ...upstreams(behind),
      ['/etc/haproxy/forward-auth.lua', script],
      ['bind :80', `bind 127.0.0.1:${front.plainPort}`],
      ['bind :443', `bind 127.0.0.1:${front.port}`],
      ['/etc/ssl/mcp.example.com.pem', both],
      ['/etc/ssl/wiki.example.com.pem', both],
      ...hosts('-m str ', front),
    ])
    writeFileSync(join(folder, 'haproxy.cfg'), recipe)
    const args = ['-db', '-f', join(folder, 'haproxy.cfg')]
    return startProgram(findProgram('haproxy') ?? 'haproxy', args, { folder, port: front.port })
  },
}

/** The proxies that can run here, each with the recipe that the documentation prints. */
export const realProxies: readonly ProxyKind[] = [nginx, caddy, haproxy]
