// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ISplitter} from "../interfaces/ISplitter.sol";

/// @title Splitter: the accounting and the paying that all splitters share.
abstract contract Splitter is ISplitter, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @dev What arrived in all and was counted, what waits for claims, what did not divide (always less than one unit
    /// for each payee, so it fits a byte), and whether a round in chunks is under way.
    struct Ledger {
        uint120 received;
        uint120 parked;
        uint8 dust;
        bool open;
    }

    /// @dev A round that is paid in chunks: up to which total, and who is next.
    struct Round {
        uint128 received;
        uint16 next;
    }

    /// Gas for a payee of native coin: enough for a Safe or another splitter.
    uint256 private constant NATIVE_GAS = 100_000;
    /// Gas for the transfer of a token: several times what the dearest known one takes.
    uint256 private constant TOKEN_GAS = 300_000;
    /// What parking a payment takes after a payee has used up its gas.
    uint256 private constant PARKING_GAS = 60_000;
    uint256 private constant NATIVE_NEEDED = NATIVE_GAS * 64 / 63 + PARKING_GAS;
    uint256 private constant TOKEN_NEEDED = TOKEN_GAS * 64 / 63 + PARKING_GAS;

    mapping(address token => Ledger) private _ledgers;
    mapping(address token => Round) private _rounds;
    mapping(address token => mapping(address payee => uint256)) private _parked;

    /// @notice Native coin may arrive at any time, from anybody.
    receive() external payable {}

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
        (accounts, shares,) = _payees();
    }

    /// @inheritdoc ISplitter
    function pending(address token, address payee) external view returns (uint256 amount) {
        (address[] memory accounts, uint256[] memory shares, uint256 sum) = _payees();
        amount = _parked[token][payee];
        if (sum == 0) return amount;
        Ledger memory ledger = _ledgers[token];
        uint256 before = ledger.received;
        if (ledger.open) {
            Round memory round = _rounds[token];
            // In a round of chunks, those before the next one have had theirs: as if the round were over, the money
            // of the others were parked, and what arrived since were new.
            uint256 divided;
            uint256 unpaid;
            for (uint256 i = 0; i < accounts.length; ++i) {
                uint256 share = round.received * shares[i] / sum;
                divided += share;
                if (i < round.next) continue;
                share -= before * shares[i] / sum;
                unpaid += share;
                if (accounts[i] == payee) amount += share;
            }
            before = round.received;
            ledger = Ledger({
                received: uint120(round.received),
                parked: ledger.parked + uint120(unpaid),
                dust: uint8(round.received - divided),
                open: true
            });
        }
        uint256 total = _total(token, ledger);
        for (uint256 i = 0; i < accounts.length; ++i) {
            if (accounts[i] == payee) amount += total * shares[i] / sum - before * shares[i] / sum;
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
        (address[] memory accounts, uint256[] memory amounts, uint256 sum) = _payees();
        Ledger memory ledger = _ledgers[token];
        uint256 before = ledger.received;
        uint256 first;
        uint256 total;
        if (ledger.open) {
            Round memory round = _rounds[token];
            (first, total) = (round.next, round.received);
        } else {
            total = _total(token, ledger);
        }
        // A splitter without shares, of an asset that owes nothing, keeps what was sent to it by mistake.
        if (total == before || sum == 0) return 0;
        uint256 end = count < accounts.length - first ? first + count : accounts.length;

        // The shares become the amounts. Totals have 120 bits and shares 32: nothing here can overflow.
        uint256 divided;
        unchecked {
            for (uint256 i = 0; i < amounts.length; ++i) {
                uint256 share = amounts[i];
                uint256 upTo = total * share / sum;
                divided += upTo;
                amounts[i] = upTo - before * share / sum;
            }
        }

        // All writes come before the first payment; what fails is added at the end, under the guard.
        if (end == accounts.length) {
            if (ledger.open) delete _rounds[token];
            (ledger.received, ledger.dust, ledger.open) = (uint120(total), uint8(total - divided), false);
        } else {
            _rounds[token] = Round({received: uint128(total), next: uint16(end)});
            ledger.open = true;
        }
        _store(token, ledger);

        uint256 failed;
        bytes memory data = abi.encodeCall(IERC20.transfer, (address(0), 0));
        for (uint256 i = first; i < end; ++i) {
            (address payee, uint256 amount) = (accounts[i], amounts[i]);
            if (amount == 0) continue;
            paid += amount;
            if (_push(token, payee, amount, data)) continue;
            failed += amount;
            _parked[token][payee] += amount;
            emit Parked(token, payee, amount);
        }
        if (failed != 0) {
            ledger.parked += uint120(failed);
            _store(token, ledger);
        }
        emit Distributed(token, paid);
    }

    /// @dev All that ever arrived: what is here and not parked, less what was here and undivided, is new.
    function _total(address token, Ledger memory ledger) private view returns (uint256) {
        uint256 kept = uint256(ledger.parked) + ledger.dust;
        uint256 held = _balance(token);
        if (held <= kept) return ledger.received;
        uint256 total = held - kept + ledger.received;
        // A token with more units than this cannot brick what it does not fit: the rest waits.
        return total < type(uint120).max ? total : type(uint120).max;
    }

    /// @dev Pays with bounded gas, and reads no more than a word of what comes back.
    /// @param data A call of `transfer` whose arguments are written over.
    function _push(address token, address payee, uint256 amount, bytes memory data)
        private
        returns (bool paid)
    {
        bool native = token == address(0);
        // A call passes on at most 63/64 of the gas that is left (EIP-150).
        uint256 needed = native ? NATIVE_NEEDED : TOKEN_NEEDED;
        if (gasleft() < needed) revert NotEnoughGas(gasleft(), needed);
        assembly ("memory-safe") {
            switch native
            case 1 { paid := call(NATIVE_GAS, payee, amount, 0, 0, 0, 0) }
            default {
                mstore(add(data, 0x24), payee)
                mstore(add(data, 0x44), amount)
                mstore(0, 0)
                paid := call(TOKEN_GAS, token, 0, add(data, 0x20), 0x44, 0, 0x20)
                // True, or nothing at all from a token that returns nothing; its code was seen when its balance was
                // read.
                paid := and(
                    paid,
                    or(iszero(returndatasize()), and(gt(returndatasize(), 31), eq(mload(0), 1)))
                )
            }
        }
    }

    function _balance(address token) private view returns (uint256) {
        return token == address(0) ? address(this).balance : IERC20(token).balanceOf(address(this));
    }

    /// @dev One slot, one write.
    function _store(address token, Ledger memory ledger) private {
        Ledger storage slot = _ledgers[token];
        uint256 word = ledger.received | (uint256(ledger.parked) << 120) | (uint256(ledger.dust) << 240)
            | (ledger.open ? uint256(1) << 248 : 0);
        assembly ("memory-safe") {
            sstore(slot.slot, word)
        }
    }

    /// @return accounts The payees, at most 256.
    /// @return shares The share of each.
    /// @return sum The sum of the shares.
    function _payees()
        internal
        view
        virtual
        returns (address[] memory accounts, uint256[] memory shares, uint256 sum);
}
