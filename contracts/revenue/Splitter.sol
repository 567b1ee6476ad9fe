// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ISplitter} from "../interfaces/ISplitter.sol";
import {ShareTable} from "../libraries/ShareTable.sol";

/// @title Splitter: the accounting and the paying that all splitters share.
abstract contract Splitter is ISplitter, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;
    using ShareTable for bytes;

    /// @dev What arrived in all and was divided, what waits for claims, and, in a round that is paid in chunks, whose
    /// turn it is; zero between rounds.
    struct Ledger {
        uint120 received;
        uint120 parked;
        uint16 next;
    }

    /// What a splitter can count of one token.
    uint256 private constant LIMIT = type(uint120).max;
    /// Gas for a payee of native coin: enough for a Safe or another splitter.
    uint256 private constant NATIVE_GAS = 100_000;
    /// Gas for the transfer of a token: several times what the dearest known one takes.
    uint256 private constant TOKEN_GAS = 300_000;
    /// What parking a payment takes after a payee has used up its gas.
    uint256 private constant PARKING_GAS = 60_000;
    uint256 private constant NATIVE_NEEDED = NATIVE_GAS * 64 / 63 + PARKING_GAS;
    uint256 private constant TOKEN_NEEDED = TOKEN_GAS * 64 / 63 + PARKING_GAS;

    mapping(address token => Ledger) private _ledgers;
    /// The total that a round in chunks divides.
    mapping(address token => uint256) private _goals;
    mapping(address token => mapping(address payee => uint256)) private _parked;

    address private immutable _implementation = address(this);

    /// @notice Native coin may arrive at any time, from anybody. The implementation of the clones takes none.
    receive() external payable {
        if (address(this) == _implementation) revert NotASplitter();
    }

    /* PAYING */

    /// @inheritdoc ISplitter
    function distribute(address token) external returns (uint256 amount) {
        return _distribute(token, type(uint256).max);
    }

    /// @inheritdoc ISplitter
    function distributeChunk(address token, uint256 count) external returns (uint256 amount) {
        if (count == 0) revert EmptyChunk();
        return _distribute(token, count);
    }

    /// @inheritdoc ISplitter
    function claim(address token, address to) external nonReentrant returns (uint256 amount) {
        uint256 owed = _parked[token][msg.sender];
        if (owed == 0) revert NothingToClaim(token, msg.sender);
        if (to == address(0) || to == address(this)) revert InvalidClaimReceiver(to);
        // A token that shrinks balances may have left less than was parked.
        uint256 held = _balance(token);
        amount = owed < held ? owed : held;
        _parked[token][msg.sender] = owed - amount;
        _ledgers[token].parked -= uint120(amount);
        emit Claimed(token, msg.sender, to, amount);
        if (token != address(0)) {
            IERC20(token).safeTransfer(to, amount);
        } else {
            (bool sent,) = to.call{value: amount}("");
            if (!sent) revert ClaimRefused(to, amount);
        }
    }

    /* VIEWS */

    /// @inheritdoc ISplitter
    function payees() external view returns (address[] memory accounts, uint256[] memory shares) {
        bytes memory table = _table();
        uint256 size = table.size();
        (accounts, shares) = (new address[](size), new uint256[](size));
        for (uint256 i = 0; i < size; ++i) {
            (accounts[i], shares[i]) = (table.payeeAt(i), table.shareAt(i));
        }
    }

    /// @inheritdoc ISplitter
    function pending(address token, address payee) external view nonReentrantView returns (uint256 amount) {
        bytes memory table = _table();
        uint256 size = table.size();
        uint256 whole = table.sum();
        Ledger memory ledger = _ledgers[token];
        (uint256 before, uint256 next) = (ledger.received, ledger.next);
        // In a round of chunks, those before the next one have had their part of its total already.
        uint256 goal = next == 0 ? before : _goals[token];
        uint256 had = table.partsOf(0, next, goal, whole) + table.partsOf(next, size, before, whole);
        uint256 total = _total(token, had, ledger.parked, goal);
        amount = _parked[token][payee];
        for (uint256 i = 0; i < size; ++i) {
            if (table.payeeAt(i) != payee) continue;
            uint256 share = table.shareAt(i);
            amount += ShareTable.part(total, share, whole)
            - ShareTable.part(i < next ? goal : before, share, whole);
        }
    }

    /// @inheritdoc ISplitter
    function parkedOf(address token, address payee) external view returns (uint256 amount) {
        return _parked[token][payee];
    }

    /// @inheritdoc ISplitter
    function received(address token) external view returns (uint256 amount) {
        return _ledgers[token].received;
    }

    /* INTERNAL */

    function _distribute(address token, uint256 count) private nonReentrant returns (uint256 paid) {
        bytes memory table = _table();
        uint256 size = table.size();
        uint256 whole = table.sum();
        Ledger storage ledger = _ledgers[token];
        (uint256 before, uint256 parked, uint256 first) = (ledger.received, ledger.parked, ledger.next);
        uint256 total =
            first == 0 ? _total(token, table.partsOf(0, size, before, whole), parked, before) : _goals[token];
        // A splitter without shares, of an asset that owes nothing, keeps what was sent to it by mistake.
        // Whoever sends a little more, to make the two differ, has it divided.
        // slither-disable-next-line incorrect-equality
        if (total == before || whole == 0) return 0;

        // All writes come before the first payment; what fails is added at the end, under the guard.
        uint256 end = size;
        // No sum here is more than the total, which has 120 bits, or the number of payees.
        unchecked {
            if (count < size - first) {
                end = first + count;
                if (first == 0) _goals[token] = total;
                _store(ledger, before, parked, end);
                emit ChunkPaid(token, first, count);
            } else {
                if (first != 0) {
                    delete _goals[token];
                    emit ChunkPaid(token, first, size - first);
                }
                _store(ledger, total, parked, 0);
            }
            uint256 failed = 0;
            for (uint256 i = first; i < end; ++i) {
                uint256 share = table.shareAt(i);
                uint256 amount = ShareTable.part(total, share, whole) - ShareTable.part(before, share, whole);
                // Only spares a transfer of nothing; the rest of the loop would be right with it.
                // slither-disable-next-line incorrect-equality
                if (amount == 0) continue;
                paid += amount;
                address payee = table.payeeAt(i);
                if (_push(token, payee, amount)) continue;
                failed += amount;
                _parked[token][payee] += amount;
                emit Parked(token, payee, amount);
            }
            if (failed != 0) ledger.parked = uint120(parked + failed);
        }
        emit Distributed(token, paid);
    }

    /// @dev All that ever arrived: what is here, and what payees `had`, less what was parked of that and is still here.
    /// Not less than was counted before: a token may shrink balances.
    function _total(address token, uint256 had, uint256 parked, uint256 counted)
        private
        view
        returns (uint256 total)
    {
        uint256 held = _balance(token);
        unchecked {
            total = held + (had - parked);
        }
        // A token with more units than this cannot brick what it does not fit: the rest waits.
        if (held > LIMIT || total > LIMIT) return LIMIT;
        if (total < counted) return counted;
    }

    /// @dev Pays with bounded gas, and reads no more than a word of what comes back.
    function _push(address token, address payee, uint256 amount) private returns (bool paid) {
        // A call passes on at most 63/64 of the gas that is left (EIP-150).
        uint256 needed = token == address(0) ? NATIVE_NEEDED : TOKEN_NEEDED;
        if (gasleft() < needed) revert NotEnoughGas(gasleft(), needed);
        if (token == address(0)) {
            assembly ("memory-safe") {
                paid := call(NATIVE_GAS, payee, amount, 0, 0, 0, 0)
            }
            return paid;
        }
        bytes4 selector = IERC20.transfer.selector;
        assembly ("memory-safe") {
            let data := mload(0x40)
            mstore(data, selector)
            mstore(add(data, 0x04), payee)
            mstore(add(data, 0x24), amount)
            mstore(0, 0)
            paid := call(TOKEN_GAS, token, 0, data, 0x44, 0, 0x20)
            // True, or nothing at all from a token that returns nothing; its code was seen when its balance was read.
            paid := and(paid, or(iszero(returndatasize()), and(gt(returndatasize(), 31), eq(mload(0), 1))))
        }
    }

    function _balance(address token) private view returns (uint256 held) {
        if (token == address(0)) return address(this).balance;
        bytes4 selector = IERC20.balanceOf.selector;
        bool answered;
        assembly ("memory-safe") {
            mstore(0, selector)
            mstore(4, address())
            answered := staticcall(gas(), token, 0, 0x24, 0, 0x20)
            answered := and(answered, gt(returndatasize(), 31))
            held := mload(0)
        }
        if (!answered) revert NotAToken(token);
    }

    /// @dev One slot, one write. Reading is left to the compiler, so that a wrong shift cannot go unseen.
    function _store(Ledger storage ledger, uint256 received_, uint256 parked, uint256 next) private {
        uint256 word = received_ | (parked << 120) | (next << 240);
        assembly ("memory-safe") {
            sstore(ledger.slot, word)
        }
    }

    /// @dev What the clone carries. The implementation carries nothing, so that it has no payees.
    function _args() internal view returns (bytes memory args) {
        if (address(this) == _implementation) return args;
        assembly ("memory-safe") {
            // As OpenZeppelin's Clones lays them out: behind 45 bytes of code.
            let size := sub(extcodesize(address()), 0x2d)
            args := mload(0x40)
            mstore(0x40, add(args, and(add(size, 0x3f), not(0x1f))))
            mstore(args, size)
            extcodecopy(address(), add(args, 0x20), 0x2d, size)
        }
    }

    /// @dev The payees, at most 256, and their shares.
    function _table() internal view virtual returns (bytes memory table);
}
