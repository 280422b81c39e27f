import type { IncomingMessage } from 'node:http'
import { toRawSignature } from '../../packages/core/src/lib/api-keys/ecdsa-signature.js'
import { keyFormat } from '../../packages/core/src/lib/api-keys/key-format.js'
import { readStoredKey } from '../../packages/core/src/lib/api-keys/stored-key.js'
import { scanLists } from '../../packages/core/src/lib/catalogue/scan-lists.js'
import { readIncoming } from '../../packages/core/src/lib/eras/http/incoming.js'
import { readInputResponses } from '../../packages/core/src/lib/eras/modern-client/input-responses.js'
import { readModernRequest } from '../../packages/core/src/lib/eras/modern-client/modern-request.js'
import { readModernResult } from '../../packages/core/src/lib/eras/modern-server/modern-result.js'
import { requestId } from '../../packages/core/src/lib/gateway/request-id.js'
import { accepts } from '../../packages/core/src/lib/http/accepts.js'
import { claimHeader } from '../../packages/core/src/lib/http/claim-header.js'
import { clientNetworks } from '../../packages/core/src/lib/http/client-networks.js'
import { cors } from '../../packages/core/src/lib/http/cors.js'
import { oauthError } from '../../packages/core/src/lib/http/oauth-error.js'
import { originCheck } from '../../packages/core/src/lib/http/origin-check.js'
import { readEvents } from '../../packages/core/src/lib/http/read-events.js'
import { requestPath } from '../../packages/core/src/lib/http/request-path.js'
import { writeEvent } from '../../packages/core/src/lib/http/write-event.js'
import { readPem } from '../../packages/core/src/lib/identity/certificate.js'
import { readXfcc } from '../../packages/core/src/lib/identity/xfcc.js'
import { hasMoreValues } from '../../packages/core/src/lib/json/has-more-values.js'
import { member, readKey, scanArray, scanObject, skipSpace } from '../../packages/core/src/lib/json/json-scan.js'
import { parseSpan } from '../../packages/core/src/lib/json/raw-json.js'
import { splitArray } from '../../packages/core/src/lib/json/split-array.js'
import { withoutMembers, withoutSpans } from '../../packages/core/src/lib/json/without-members.js'
import { maskPersonalData } from '../../packages/core/src/lib/logging/personal-data.js'
import { redactText } from '../../packages/core/src/lib/logging/redact.js'
import { checkJson } from '../../packages/core/src/lib/message/check-json.js'
import { scanKnownMembers } from '../../packages/core/src/lib/message/known-members.js'
import { message } from '../../packages/core/src/lib/message/message-middleware.js'
import { countMembers, messageParts } from '../../packages/core/src/lib/message/message-parts.js'
import { parseMessage } from '../../packages/core/src/lib/message/parse-message.js'
import { parseUsual } from '../../packages/core/src/lib/message/parse-usual.js'
import { readMessages } from '../../packages/core/src/lib/message/read-messages.js'
import { transformResponse } from '../../packages/core/src/lib/message/transform-response.js'
import { clientAddress } from '../../packages/core/src/lib/mounts/node/client-address.js'
import { parsedBody } from '../../packages/core/src/lib/mounts/node/parsed-body.js'
import { requestTarget } from '../../packages/core/src/lib/mounts/node/request-target.js'
import { isPublicAddress } from '../../packages/core/src/lib/outbound/public-address.js'
import { createCookies, readCookie } from '../../packages/core/src/lib/pages/cookies.js'
import { readAuthZenMetadata } from '../../packages/core/src/lib/policy/engines/authzen/authzen-metadata.js'
import { readDecision } from '../../packages/core/src/lib/policy/read-decision.js'
import { decodeHeaderValue, encodeHeaderValue } from '../../packages/core/src/lib/protocol/header-value.js'
import { Sessions } from '../../packages/core/src/lib/proxy/sessions.js'
import { Upstreams } from '../../packages/core/src/lib/proxy/upstreams.js'
import { readCredentials } from '../../packages/core/src/lib/resource-server/bearer-token.js'
import { glob } from '../../packages/core/src/lib/text/glob.js'
import { readKeySet } from '../../packages/core/src/lib/tokens/key-set.js'
import { readOriginal } from '../../packages/forward-auth/src/lib/dialect.js'
import { readMirrored } from '../../packages/forward-auth/src/lib/mirrored-headers.js'
import { parseScope } from '../../packages/oauth-server/src/lib/authorization/scope.js'
import { readBasicCredentials } from '../../packages/oauth-server/src/lib/client-authentication/basic-credentials.js'
import { readAssertion } from '../../packages/oauth-server/src/lib/client-authentication/client-assertion.js'
import { readAssertionSubject } from '../../packages/oauth-server/src/lib/client-authentication/client-assertion-subject.js'
import { cacheLifetime } from '../../packages/oauth-server/src/lib/client-metadata/cache-lifetime.js'
import { readClientKeys } from '../../packages/oauth-server/src/lib/client-metadata/client-keys.js'
import { parseDocument } from '../../packages/oauth-server/src/lib/client-metadata/parse-document.js'
import { isRegisteredRedirectUri } from '../../packages/oauth-server/src/lib/client-metadata/redirect-uri.js'
import {
  createRedirectUriRules,
  redirectUriFault,
} from '../../packages/oauth-server/src/lib/client-metadata/redirect-uri-rules.js'
import { parseRegistrationRequest } from '../../packages/oauth-server/src/lib/client-metadata/registration-request.js'
import { createResources } from '../../packages/oauth-server/src/lib/client-metadata/resources.js'
import { isMetadataPath } from '../../packages/oauth-server/src/lib/discovery/metadata-paths.js'
import { parameters } from '../../packages/oauth-server/src/lib/http/form.js'
import { bearerToken } from '../../packages/oauth-server/src/lib/registration/registration-token.js'
import type { Server } from '../../packages/oauth-server/src/lib/server/server.js'
import { removeOldSteps } from '../../packages/oauth-server/src/lib/session/step-cookie.js'
import type { Client } from '../../packages/oauth-server/src/lib/store/client.js'
import { parseRefreshToken } from '../../packages/oauth-server/src/lib/token/refresh-token.js'
import { StderrLog } from '../../packages/stdio-bridge/src/lib/process/stderr-log.js'
import { readChildLine, readOverlong } from '../../packages/stdio-bridge/src/lib/wire/child-message.js'
import { clientSpans } from '../../packages/stdio-bridge/src/lib/wire/client-message.js'
import { LineReader } from '../../packages/stdio-bridge/src/lib/wire/line-reader.js'
import { ownNumber } from '../../packages/stdio-bridge/src/lib/wire/own-number.js'
import { toLine } from '../../packages/stdio-bridge/src/lib/wire/splice.js'
import { UnreadableLines } from '../../packages/stdio-bridge/src/lib/wire/unreadable-lines.js'
import { startOf, wholeText } from '../../packages/stdio-bridge/src/lib/wire/whole-text.js'
import { fromBase64 } from '../../packages/storage-adapters/src/lib/encrypted/base64-url.js'
import { decodeText, encodeText } from '../../packages/storage-adapters/src/lib/text.js'

/** A function that reads what somebody else wrote. */
export interface Reader {
  readonly read: (text: string) => unknown
  /** What stands before and behind the input; nothing unless given. */
  readonly around?: readonly (readonly [before: string, after: string])[]
}

const encoder = new TextEncoder()
const bytes = (text: string) => encoder.encode(text)
/** Headers of which all have this value, whatever characters it holds. */
const all = (value: string) =>
  ({ get: () => value, has: () => true, keys: () => ['mcp-method'][Symbol.iterator]() }) as unknown as Headers
const asRequest = (value: string) => ({ headers: all(value), method: 'POST', url: value }) as unknown as Request
const document = [
  ['', ''],
  ['{"a":', '}'],
  ['{"a":"', '"}'],
  ['{"', '":1}'],
  ['[', '1]'],
  ['{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","a":"', '"}}'],
  ['{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x","a":[', '1]}}'],
  ['{"jsonrpc":"2.0","id":1,"result":{"a":"', '"}}'],
] as const
const uri = [
  ['', ''],
  ['https://a.example/', ''],
  ['https://', '.example/'],
] as const
const whole = (text: string) => ({ start: 0, end: text.length })
const limits = { maxDepth: 64, maxBatch: 50, maxValues: 10_000_000, protocolVersions: ['2025-03-26'] }
const stepServer = {
  settings: { issuer: 'https://a.example' },
  cookies: createCookies('https://a.example', 'mcp-oauth'),
  clock: () => 0,
} as unknown as Server
const assertionServer = { settings: { issuer: 'https://a.example' }, clock: () => 0 } as unknown as Server
const assertionClient = {
  clientId: 'c',
  metadata: { token_endpoint_auth_method: 'private_key_jwt', jwks: { keys: [] } },
} as unknown as Client
const nobody = { debug() {}, info() {}, warn() {}, error() {} }

async function drain(text: string, chunk: number): Promise<void> {
  const source = bytes(text)
  let from = 0
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      if (from >= source.length) controller.close()
      else controller.enqueue(source.subarray(from, from + chunk))
      from += chunk
    },
  })
  for await (const _ of readEvents(stream.getReader()));
}

function readLines(text: string, chunk: number): void {
  const reader = new LineReader({ maxBytes: 100_000, onLine: () => {}, onOverlong: () => {} })
  const source = Buffer.from(text)
  for (let from = 0; from < source.length; from += chunk) reader.push(source.subarray(from, from + chunk))
  reader.end()
}

/** Only what is JSON gets so far. */
const ifJson = (read: (text: string) => unknown) => (text: string) => {
  JSON.parse(text)
  return read(text)
}
const addressOf = clientAddress(['127.0.0.1'])
const sessions = new Sessions(
  new Upstreams(['https://a.example'], { retryAfter: 1, checkInterval: 1 }).all,
  'x'.repeat(32),
)
const rules = createRedirectUriRules('any-host', [])
const answer = () => new Response()

/** Every reader, by its file and name: its time must not grow faster than its input, whatever it is fed with. */
export const readers: Readonly<Record<string, Reader>> = {
  'packages/core/src/lib/api-keys/key-format.ts#keyFormat': {
    read: (text) => keyFormat('mcpg').read(text),
    around: [
      ['', ''],
      ['mcpg_', ''],
    ],
  },
  'packages/core/src/lib/api-keys/stored-key.ts#readStoredKey': {
    read: readStoredKey,
    around: [
      ['', ''],
      ['{"owner":{},"secrets":["', '"]}'],
    ],
  },
  'packages/core/src/lib/api-keys/ecdsa-signature.ts#toRawSignature': { read: (text) => toRawSignature(bytes(text)) },
  'packages/core/src/lib/http/read-events.ts#readEvents': {
    read: (text) => drain(text, 65_536),
    around: [
      ['', '\n\n'],
      ['data: ', '\r\r'],
    ],
  },
  'packages/core/src/lib/http/read-events.ts#readEvents in small chunks': { read: (text) => drain(text, 128) },
  'packages/core/src/lib/identity/certificate.ts#readPem': {
    read: readPem,
    around: [
      ['', ''],
      ['-----BEGIN CERTIFICATE-----', '-----END CERTIFICATE-----'],
      ['%', ''],
    ],
  },
  'packages/core/src/lib/identity/xfcc.ts#readXfcc': {
    read: readXfcc,
    around: [
      ['', ''],
      ['URI=', ';URI=x'],
      ['Subject="', '"'],
      ['Subject="\\', '"'],
    ],
  },
  'packages/core/src/lib/http/write-event.ts#writeEvent': { read: (text) => writeEvent(bytes(text)) },
  'packages/core/src/lib/catalogue/scan-lists.ts#scanLists': {
    read: (text) => scanLists(bytes(text)),
    around: [
      ...document,
      ['{"jsonrpc":"2.0","id":1,"result":{"tools":[', ']}}'],
      ['{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"', '"}]}}'],
      ['{"jsonrpc":"2.0","id":1,"result":{"tools":[{"', '":"a"}]}}'],
    ],
  },
  'packages/core/src/lib/text/glob.ts#glob': { read: glob('*a*a*b*.*x') },
  'packages/core/src/lib/json/json-scan.ts#scanObject': {
    read: (text) => scanObject(bytes(text), 0, () => {}),
    around: document,
  },
  'packages/core/src/lib/json/json-scan.ts#readKey': { read: (text) => readKey(bytes(text), 0, bytes(text).length) },
  'packages/core/src/lib/policy/read-decision.ts#readDecision': {
    read: (text) => readDecision({ allow: false, reason: text, requiredScopes: [text], policies: [text] }),
  },
  'packages/core/src/lib/json/json-scan.ts#scanArray': {
    read: (text) => scanArray(bytes(text), 0, () => {}),
    around: document,
  },
  'packages/core/src/lib/json/json-scan.ts#member': {
    read: (text) => member(bytes(text), whole(text), 'z'),
    around: document,
  },
  'packages/core/src/lib/json/json-scan.ts#skipSpace': { read: (text) => skipSpace(bytes(text), 0) },
  'packages/core/src/lib/json/raw-json.ts#parseSpan': {
    read: (text) => parseSpan(bytes(text), whole(text)),
    around: document,
  },
  'packages/core/src/lib/json/has-more-values.ts#hasMoreValues': {
    read: (text) => hasMoreValues(bytes(text), Math.floor(text.length / 2)),
    around: document,
  },
  'packages/core/src/lib/json/without-members.ts#withoutMembers': {
    read: (text) => withoutMembers(bytes(text), (key) => key === ''),
    around: [['{"a":1,"":1', '}'], ...document],
  },
  'packages/core/src/lib/json/without-members.ts#withoutSpans': {
    read: (text) => withoutSpans(bytes(text), whole(text), [{ from: text.length >> 1, end: (text.length >> 1) + 1 }]),
    around: [['{"a":1', '}'], ...document],
  },
  'packages/core/src/lib/message/check-json.ts#checkJson': {
    read: ifJson((text) => checkJson(text, 64)),
    around: document,
  },
  'packages/core/src/lib/json/split-array.ts#splitArray': {
    read: ifJson((text) => splitArray(bytes(text))),
    around: [['[', '1]']],
  },
  'packages/core/src/lib/message/message-parts.ts#messageParts': {
    read: (text) => messageParts(bytes(text)),
    around: document,
  },
  'packages/core/src/lib/message/message-parts.ts#countMembers': {
    read: (text) => countMembers(bytes(text)),
    around: document,
  },
  'packages/core/src/lib/message/known-members.ts#scanKnownMembers': {
    read: (text) => scanKnownMembers(bytes(text)),
    around: [...document, ['{"params":{"_meta":{"', '":1}}}']],
  },
  'packages/core/src/lib/message/parse-usual.ts#parseUsual': {
    read: parseUsual,
    around: [
      ...document,
      ['{"jsonrpc":"2.0","id":"', '","result":{}}'],
      ['{"result":{},"jsonrpc":"2.0","id":"', '"}'],
      ['{"jsonrpc":"2.0","id":1,"result":{', '}}'],
    ],
  },
  'packages/core/src/lib/message/parse-message.ts#parseMessage': {
    read: (text) => parseMessage(bytes(text)),
    around: document,
  },
  'packages/core/src/lib/message/read-messages.ts#readMessages': {
    read: (text) => readMessages(bytes(text), new Headers(), limits),
    around: document,
  },
  'packages/core/src/lib/protocol/header-value.ts#decodeHeaderValue': {
    read: decodeHeaderValue,
    around: [
      ['', ''],
      ['=?base64?', '?='],
    ],
  },
  'packages/core/src/lib/message/message-middleware.ts#message, its Content-Type': {
    read: (text) => message()(asRequest(text), {}, answer),
    around: [
      ['', ''],
      ['application/json', ''],
    ],
  },
  'packages/core/src/lib/message/transform-response.ts#transformResponse': {
    read: (text) => transformResponse({ transforms: [(one) => one] }, new Response(text)),
    around: document,
  },
  'packages/core/src/lib/eras/modern-client/input-responses.ts#readInputResponses': {
    read: (text) => readInputResponses(bytes(text), new Map([['a', 'roots/list']])),
    around: document,
  },
  'packages/core/src/lib/eras/modern-client/modern-request.ts#readModernRequest': {
    read: (text) => readModernRequest(bytes(text), 'tools/call'),
    around: [...document, ['{"params":{"_meta":{"', '":1}}}']],
  },
  'packages/core/src/lib/eras/modern-server/modern-result.ts#readModernResult': {
    read: (text) => readModernResult(bytes(text), 'tools/list'),
    around: document,
  },
  'packages/core/src/lib/eras/http/incoming.ts#readIncoming': {
    read: (text) => readIncoming(bytes(text)),
    around: document,
  },
  'packages/core/src/lib/protocol/header-value.ts#encodeHeaderValue': {
    read: encodeHeaderValue,
    around: [['=?base64?', '?=']],
  },
  'packages/core/src/lib/resource-server/bearer-token.ts#readCredentials': {
    read: (text) => readCredentials(all(text)),
    around: [
      ['', ''],
      ['Bearer ', ''],
    ],
  },
  'packages/core/src/lib/tokens/key-set.ts#readKeySet': {
    read: (text) => readKeySet(JSON.parse(text)),
    around: [['{"keys":[', '1]}']],
  },
  'packages/core/src/lib/http/client-networks.ts#clientNetworks': {
    read: clientNetworks,
    around: [
      ['', ''],
      ['2001:', '::1'],
    ],
  },
  'packages/core/src/lib/logging/personal-data.ts#maskPersonalData': {
    read: maskPersonalData,
    around: [
      ['', ''],
      ['', '@example'],
      ['+1', ''],
      ['1.1.1.', ''],
      ['4111', ''],
      ['DE89', ''],
      ['::', ''],
    ],
  },
  'packages/core/src/lib/logging/redact.ts#redactText': {
    read: redactText,
    around: [
      ['', ''],
      ['eyJ', ''],
      ['Bearer ', ''],
      ['code=', ''],
      ['"token":"', ''],
      ['\\"token\\":\\"', ''],
      ['-----BEGIN KEY-----', ''],
      ['X-Api-Key: ', ''],
      ['Cookie: ', ''],
      ['OAUTH_TOKEN="', ''],
      ['sk-', ''],
      ['ghp_', ''],
      ['a://', '@'],
    ],
  },
  'packages/core/src/lib/http/claim-header.ts#claimHeader': { read: claimHeader },
  'packages/core/src/lib/http/oauth-error.ts#oauthError': { read: (text) => oauthError(400, 'invalid_request', text) },
  'packages/core/src/lib/http/cors.ts#cors, its preflight': {
    read: (text) =>
      cors({ allowedOrigins: '*' as never })({ ...asRequest(text), method: 'OPTIONS' } as Request, {}, answer),
  },
  'packages/core/src/lib/http/origin-check.ts#originCheck': {
    read: (text) => originCheck({ allowedOrigins: ['loopback'] })(asRequest(text), {}, answer),
    around: uri,
  },
  'packages/core/src/lib/gateway/request-id.ts#requestId': { read: (text) => requestId(all(text)) },
  'packages/core/src/lib/http/request-path.ts#requestPath': { read: requestPath, around: uri },
  'packages/core/src/lib/mounts/node/client-address.ts#clientAddress': {
    read: (text) =>
      addressOf({
        socket: { remoteAddress: '127.0.0.1' },
        headers: { 'x-forwarded-for': text },
      } as unknown as IncomingMessage),
    around: [
      ['', ''],
      ['127.0.0.1,', '127.0.0.1'],
      ['[', ']:1'],
    ],
  },
  'packages/core/src/lib/mounts/node/parsed-body.ts#parsedBody': {
    read: (text) =>
      parsedBody({
        method: 'POST',
        readableDidRead: true,
        headers: { 'content-type': text },
      } as unknown as IncomingMessage),
  },
  'packages/core/src/lib/mounts/node/request-target.ts#requestTarget': {
    read: (text) =>
      requestTarget({ headers: { host: 'a.example' }, socket: {}, url: text } as unknown as IncomingMessage),
    around: [
      ['', ''],
      ['/', ''],
      ['https://a.example/', ''],
    ],
  },
  'packages/core/src/lib/mounts/node/request-target.ts#requestTarget, the Host': {
    read: (text) => requestTarget({ headers: { host: text }, socket: {}, url: '/' } as unknown as IncomingMessage),
  },
  'packages/core/src/lib/outbound/public-address.ts#isPublicAddress': { read: isPublicAddress },
  'packages/core/src/lib/policy/engines/authzen/authzen-metadata.ts#readAuthZenMetadata': {
    read: (text) =>
      readAuthZenMetadata(
        { policy_decision_point: 'https://a.example', access_evaluation_endpoint: text },
        'https://a.example',
      ),
    around: [
      ['', ''],
      ['https://a.example/', ''],
    ],
  },
  'packages/core/src/lib/proxy/sessions.ts#Sessions.open': {
    read: (text) => sessions.open(text, {}),
    around: [
      ['', ''],
      [`a.${'0'.repeat(64)}.`, ''],
    ],
  },
  'packages/forward-auth/src/lib/dialect.ts#readOriginal': {
    read: (text) =>
      readOriginal(
        'original',
        {
          method: 'GET',
          target: '/',
          headers: { ...all(text), get: (name) => (name === 'x-original-method' ? 'GET' : text) },
        },
        '',
      ),
    around: uri,
  },
  'packages/forward-auth/src/lib/mirrored-headers.ts#readMirrored': {
    read: (text) => readMirrored('POST', { method: 'POST', target: '/', headers: all(text) }),
  },
  'packages/oauth-server/src/lib/authorization/scope.ts#parseScope': { read: parseScope },
  'packages/oauth-server/src/lib/client-metadata/redirect-uri.ts#isRegisteredRedirectUri': {
    read: (text) => isRegisteredRedirectUri(['http://127.0.0.1/a'], text),
    around: [...uri, ['http://127.0.0.1', '/a']],
  },
  'packages/oauth-server/src/lib/client-metadata/resources.ts#createResources': {
    read: (text) => createResources(['https://a.example/mcp']).canonical(text),
    around: uri,
  },
  'packages/oauth-server/src/lib/token/refresh-token.ts#parseRefreshToken': {
    read: parseRefreshToken,
    around: [
      ['', ''],
      ['rt.', '.a'],
    ],
  },
  'packages/oauth-server/src/lib/client-authentication/client-assertion.ts#readAssertion': {
    read: (text) => readAssertion(assertionServer, assertionClient, text, {}),
    around: [
      ['', ''],
      ['eyJhbGciOiJFUzI1NiJ9.', '.a'],
      ['eyJhbGciOiJFUzI1NiJ9.eyJhIjoxfQ.', ''],
    ],
  },
  'packages/oauth-server/src/lib/client-authentication/client-assertion-subject.ts#readAssertionSubject': {
    read: readAssertionSubject,
    around: [
      ['', ''],
      ['eyJhIjoxfQ.', '.a'],
    ],
  },
  'packages/oauth-server/src/lib/client-authentication/basic-credentials.ts#readBasicCredentials': {
    read: (text) => readBasicCredentials(asRequest(text)),
    around: [
      ['', ''],
      ['Basic ', ''],
    ],
  },
  'packages/oauth-server/src/lib/session/step-cookie.ts#removeOldSteps': {
    read: (text) => removeOldSteps(stepServer, asRequest(text)),
    around: [
      ['', ''],
      [';', '=a'],
    ],
  },
  'packages/core/src/lib/pages/cookies.ts#readCookie': { read: (text) => readCookie(asRequest(text), 'a') },
  'packages/oauth-server/src/lib/http/form.ts#parameters': { read: (text) => parameters(new URLSearchParams(text)) },
  'packages/oauth-server/src/lib/client-metadata/cache-lifetime.ts#cacheLifetime': {
    read: (text) => cacheLifetime(all(text)),
  },
  'packages/oauth-server/src/lib/client-metadata/client-keys.ts#readClientKeys': {
    read: (text) => readClientKeys({ keys: [{ kty: 'RSA', n: text, e: 'AQAB', kid: text }] }),
  },
  'packages/oauth-server/src/lib/client-metadata/parse-document.ts#parseDocument': {
    read: (text) => parseDocument('https://a.example/c', text, rules),
    around: [...document, ['{"client_id":"https://a.example/c","client_name":"', '"}']],
  },
  'packages/oauth-server/src/lib/discovery/metadata-paths.ts#isMetadataPath': {
    read: (text) => isMetadataPath(text, '/a', ['https://a.example/mcp']),
    around: [
      ['', ''],
      ['/.well-known/', ''],
    ],
  },
  'packages/oauth-server/src/lib/client-metadata/redirect-uri-rules.ts#redirectUriFault': {
    read: (text) => redirectUriFault(text, rules),
    around: uri,
  },
  'packages/oauth-server/src/lib/client-metadata/registration-request.ts#parseRegistrationRequest': {
    read: (text) => parseRegistrationRequest({ redirect_uris: [text], client_name: text, scope: text, jwks_uri: text }),
    around: uri,
  },
  'packages/oauth-server/src/lib/registration/registration-token.ts#bearerToken': {
    read: (text) => bearerToken(asRequest(text)),
    around: [
      ['', ''],
      ['Bearer ', ''],
    ],
  },
  'packages/core/src/lib/http/accepts.ts#accepts': { read: (text) => accepts(all(text), 'application/json') },
  'packages/stdio-bridge/src/lib/process/stderr-log.ts#StderrLog': {
    read: (text) => {
      const log = new StderrLog(nobody, {})
      const source = Buffer.from(text)
      for (let from = 0; from < source.length; from += 16) log.push(source.subarray(from, from + 16))
      return log.tail()
    },
  },
  'packages/stdio-bridge/src/lib/wire/child-message.ts#readChildLine': {
    read: (text) => readChildLine(Buffer.from(text)),
    around: document,
  },
  'packages/stdio-bridge/src/lib/wire/child-message.ts#readOverlong': {
    read: (text) => readOverlong(Buffer.from(text), Buffer.from(text)),
    around: document,
  },
  'packages/stdio-bridge/src/lib/wire/client-message.ts#clientSpans': {
    read: (text) => clientSpans(Buffer.from(text)),
    around: document,
  },
  'packages/stdio-bridge/src/lib/wire/line-reader.ts#LineReader': { read: (text) => readLines(text, 65_536) },
  'packages/stdio-bridge/src/lib/wire/line-reader.ts#LineReader in small chunks': {
    read: (text) => readLines(text, 16),
  },
  'packages/stdio-bridge/src/lib/wire/own-number.ts#ownNumber': { read: ownNumber },
  'packages/stdio-bridge/src/lib/wire/unreadable-lines.ts#UnreadableLines': {
    read: (text) => new UnreadableLines().read(Buffer.from(text)),
    around: document,
  },
  'packages/stdio-bridge/src/lib/wire/whole-text.ts#wholeText': {
    read: (text) => startOf(wholeText(Buffer.from(text)), 10),
  },
  'packages/stdio-bridge/src/lib/wire/splice.ts#toLine': { read: (text) => toLine(Buffer.from(text), []) },
  'packages/storage-adapters/src/lib/text.ts#decodeText': { read: decodeText },
  'packages/storage-adapters/src/lib/text.ts#encodeText': { read: encodeText },
  'packages/storage-adapters/src/lib/encrypted/base64-url.ts#fromBase64': { read: fromBase64 },
}

/** Functions that are named like readers and need no measuring, with the reason. */
export const others: Readonly<Record<string, string>> = {
  'packages/core/src/lib/http/read-body.ts#readBody': 'gathers bytes: memory.test.ts',
  'packages/core/src/lib/http/read-body.ts#readStream': 'gathers bytes: memory.test.ts',
  'packages/core/src/lib/http/read-start.ts#readStart': 'gathers bytes: memory.test.ts',
  'packages/oauth-server/src/lib/http/read-body.ts#readBody': 'gathers bytes: memory.test.ts',
  'packages/core/src/lib/gateway/base-url.ts#readBaseUrl': 'reads configuration',
  'packages/core/src/lib/keys/configured-keys.ts#readConfiguredKeys': 'reads configuration',
  'packages/core/src/lib/tokens/audience.ts#readAudience': 'reads configuration',
  'packages/forward-auth/src/lib/identity-headers.ts#readHeaderNames': 'reads configuration',
  'packages/forward-auth/src/lib/route-table.ts#readLocation': 'reads configuration',
  'packages/oauth-server/src/lib/client-metadata/configured-clients.ts#readConfiguredClients': 'reads configuration',
  'packages/oauth-server/src/lib/server/settings.ts#readSettings': 'reads configuration',
  'packages/stdio-bridge/src/lib/options/options.ts#readOptions': 'reads configuration',
  'packages/oauth-server/src/lib/authorization/read-authorization-request.ts#readAuthorizationRequest':
    'takes parameters apart that form.ts#parameters has read',
  'packages/oauth-server/src/lib/interaction/consent-request.ts#readQuestion': 'looks a handle up in the storage',
  'packages/oauth-server/src/lib/http/form.ts#readForm': 'read-body.ts#readBody and form.ts#parameters',
  'packages/oauth-server/src/lib/http/read-json.ts#readJson': 'read-body.ts#readBody and JSON.parse',
  'packages/oauth-server/src/lib/session/step-cookie.ts#readStepCookie': 'cookies.ts#readCookie',
  'packages/oauth-server/src/lib/interaction/transaction.ts#readLogin': 'looks an id up in the storage',
  'packages/oauth-server/src/lib/store/records.ts#readRecord': 'JSON.parse of what we stored',
  'packages/oauth-server/src/lib/session/session.ts#readSession': 'cookies.ts#readCookie and a look into the storage',
  'packages/oauth-server/src/lib/token/read-access-token.ts#readAccessToken': 'verifies a signature first',
}
