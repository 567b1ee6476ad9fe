// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

import {IAssets} from "../interfaces/IAssets.sol";
import {Ancestor, ILineage} from "../interfaces/ILineage.sol";
import {ILineageSplitter} from "../interfaces/ILineageSplitter.sol";
import {CallLib} from "../libraries/CallLib.sol";
import {ShareTable} from "../libraries/ShareTable.sol";
import {Splitter} from "./Splitter.sol";

/// @title LineageSplitter: divides the royalties of one asset among its ancestors.
/// @dev A clone that carries the registry (20 bytes) and the asset (8 bytes). What was parked for an account stays that
/// account's, also when the ancestor names another payout.
contract LineageSplitter is Splitter, ILineageSplitter {
    /// Gas for the question who is paid: several times what this registry takes for the answer.
    uint256 private constant QUESTION_GAS = 100_000;
    /// What is left for the rest when a registry has used that up.
    uint256 private constant QUESTION_NEEDED = QUESTION_GAS * 64 / 63 + 20_000;

    ILineage private immutable _lineage = ILineage(msg.sender);

    /// @inheritdoc ILineageSplitter
    function claimFor(address token, address registry, uint256 assetId) external returns (uint256 amount) {
        (address payout, bool known) = _payoutOf(registry, assetId);
        if (!known) revert NoPayout(registry, assetId);
        return _claim(token, payeeFor(registry, assetId), payout);
    }

    /// @inheritdoc ILineageSplitter
    function asset() public view returns (address registry, uint256 assetId) {
        uint256 word = uint256(bytes32(_args())) >> 32;
        return (address(uint160(word >> 64)), uint64(word));
    }

    /// @inheritdoc ILineageSplitter
    function payeeFor(address registry, uint256 assetId) public pure returns (address payee) {
        return address(uint160(uint256(keccak256(abi.encode(registry, assetId)))));
    }

    /// @inheritdoc Splitter
    function _table() internal view override returns (bytes memory table, uint256 silent) {
        (address registry, uint256 assetId) = asset();
        Ancestor[] memory ancestors = _lineage.ancestorsOf(registry, assetId);
        table = ShareTable.create(ancestors.length);
        for (uint256 i = 0; i < ancestors.length; ++i) {
            (address payee, bool known) = _payoutOf(ancestors[i].registry, ancestors[i].assetId);
            if (!known) {
                payee = payeeFor(ancestors[i].registry, ancestors[i].assetId);
                silent |= 1 << i;
            }
            ShareTable.set(table, i, payee, ancestors[i].royaltyBps);
        }
    }

    /// @dev The payout of an ancestor, and whether its registry says one. This splitter is none: what it paid itself would
    /// arrive again and be counted twice.
    function _payoutOf(address registry, uint256 assetId) private view returns (address payout, bool known) {
        if (gasleft() < QUESTION_NEEDED) revert NotEnoughGas(gasleft(), QUESTION_NEEDED);
        bytes memory answer;
        (known, answer) = CallLib.ask(registry, QUESTION_GAS, abi.encodeCall(IAssets.payoutOf, (assetId)), 32);
        uint256 word = CallLib.word(answer, 0);
        payout = address(uint160(word));
        known = known && word >> 160 == 0 && payout != address(0) && payout != address(this);
    }
}
