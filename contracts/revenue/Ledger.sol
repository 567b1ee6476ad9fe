// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {ILedger} from "../interfaces/ILedger.sol";

/// @title Ledger: the payments that splitters, curation and sellers of time share.
/// @dev A payment that fails is parked and cannot hold up the next. All that pays is guarded against re-entrance.
abstract contract Ledger is ILedger, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// Gas for a payee of native coin: enough for a Safe or a splitter.
    uint256 private constant NATIVE_GAS = 100_000;
    /// Gas for the transfer of a token: several times what the dearest known one takes.
    uint256 private constant TOKEN_GAS = 300_000;
    /// What parking a payment takes after a payee has used up its gas.
    uint256 private constant PARKING_GAS = 60_000;
    uint256 private constant NATIVE_NEEDED = NATIVE_GAS * 64 / 63 + PARKING_GAS;
    uint256 private constant TOKEN_NEEDED = TOKEN_GAS * 64 / 63 + PARKING_GAS;

    mapping(address token => mapping(address payee => uint256)) private _owed;

    /// @inheritdoc ILedger
    function claim(address token, address payee, address to) external returns (uint256 amount) {
        if (msg.sender != payee && to != payee) revert NotPayee(payee, msg.sender);
        return _claim(token, payee, to);
    }

    /// @inheritdoc ILedger
    function owedTo(address token, address payee) external view returns (uint256 amount) {
        return _owedTo(token, payee);
    }

    /* INTERNAL */

    function _owedTo(address token, address payee) internal view returns (uint256 amount) {
        return _owed[token][payee];
    }

    /// @dev Note that an amount, which is here, waits for its payee.
    function _park(address token, address payee, uint256 amount) internal {
        _owed[token][payee] += amount;
        emit Parked(token, payee, amount);
    }

    /// @dev Send what waits for a payee; who may say where to is for the caller to check.
    function _claim(address token, address payee, address to) internal nonReentrant returns (uint256 amount) {
        uint256 owed = _owed[token][payee];
        if (owed == 0) revert NothingToClaim(token, payee);
        if (to == address(0) || to == address(this)) revert InvalidClaimReceiver(to);
        // A token that shrinks balances may have left less than was parked.
        uint256 held = _balance(token);
        amount = owed < held ? owed : held;
        _owed[token][payee] = owed - amount;
        _claimed(token, amount);
        emit Claimed(token, payee, to, amount);
        if (token != address(0)) {
            IERC20(token).safeTransfer(to, amount);
        } else {
            (bool sent,) = to.call{value: amount}("");
            if (!sent) revert ClaimRefused(to, amount);
        }
    }

    /// @dev Called before what was claimed is sent.
    function _claimed(address token, uint256 amount) internal virtual {}

    /// @dev Pays with bounded gas, and reads no more than a word of what comes back. The caller parks what was not paid.
    function _push(address token, address payee, uint256 amount) internal returns (bool paid) {
        if (token == address(0)) {
            _checkGas(NATIVE_NEEDED);
            assembly ("memory-safe") {
                paid := call(NATIVE_GAS, payee, amount, 0, 0, 0, 0)
            }
            return paid;
        }
        _checkGas(TOKEN_NEEDED);
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

    /// @dev A call passes on at most 63/64 of the gas that is left (EIP-150).
    function _checkGas(uint256 needed) private view {
        if (gasleft() < needed) revert NotEnoughGas(gasleft(), needed);
    }

    /// @dev What of a token is held here.
    function _balance(address token) internal view returns (uint256 held) {
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
}
