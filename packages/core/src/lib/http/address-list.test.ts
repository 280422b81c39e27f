import { expect, test } from 'vitest'
import { addressList } from './address-list.js'

test.each([
  ['10.0.0.0/8', '10.255.0.1', true],
  ['10.0.0.0/8', '11.0.0.1', false],
  ['10.1.2.3', '10.1.2.3', true],
  ['10.1.2.3', '10.1.2.4', false],
  ['10.128.0.0/9', '10.127.255.255', false],
  ['0.0.0.0/0', '203.0.113.9', true],
  ['0.0.0.0/0', '2001:db8::1', false],
  ['127.0.0.1', '::ffff:127.0.0.1', true],
  ['127.0.0.1', '::ffff:7f00:1', true],
  ['::ffff:10.0.0.0/104', '10.200.0.1', true],
  ['2001:db8::/33', '2001:db8:7fff::1', true],
  ['2001:db8::/33', '2001:db8:8000::1', false],
  ['::1', '::1', true],
  ['fe80::/10', 'fe80::1%eth0', true],
  // What only stands for an IPv4 address elsewhere comes from another host
  ['10.0.0.1', '64:ff9b::a00:1', false],
  ['10.0.0.0/8', 'a.b', false],
  ['10.0.0.0/8', '', false],
  ['10.0.0.0/8', '010.0.0.1.', false],
])('%s has %s: %s', (entry, address, expected) => {
  expect(addressList([entry], 'trustedProxies')(address)).toBe(expected)
})

test.each(['10.0.0.0/33', '::/129', 'proxy.local', '10.0.0.0/8/8', '1.2.3.4/', '1.2.3/8', '', '::ffff:10.0.0.0/8'])(
  'refuses the entry %j',
  (entry) => {
    expect(() => addressList([entry], 'trustedProxies')).toThrow(/trustedProxies has/)
  },
)
